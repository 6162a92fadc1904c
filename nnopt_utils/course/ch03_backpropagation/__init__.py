"""Chapter 03 of the course: its text, exercises, questions and figures."""
