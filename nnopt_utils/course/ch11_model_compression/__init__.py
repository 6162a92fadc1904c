"""Chapter 11 of the course: its text, exercises, questions and figures."""
