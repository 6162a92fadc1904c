"""Chapter 01 of the course: its text, exercises, questions and figures."""
