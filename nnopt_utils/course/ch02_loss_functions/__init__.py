"""Chapter 02 of the course: its text, exercises, questions and figures."""
