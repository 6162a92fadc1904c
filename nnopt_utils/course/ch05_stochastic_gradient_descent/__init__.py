"""Chapter 05 of the course: its text, exercises, questions and figures."""
