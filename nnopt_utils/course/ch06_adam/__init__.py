"""Chapter 06 of the course: its text, exercises, questions and figures."""
