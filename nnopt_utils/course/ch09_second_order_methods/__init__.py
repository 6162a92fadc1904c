"""Chapter 09 of the course: its text, exercises, questions and figures."""
