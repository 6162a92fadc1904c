"""Chapter 07 of the course: its text, exercises, questions and figures."""
