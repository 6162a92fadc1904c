"""Chapter 13 of the course: its text, exercises, questions and figures."""
