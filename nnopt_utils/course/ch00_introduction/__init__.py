"""Chapter 00 of the course: its text, exercises, questions and figures."""
