"""Chapter 10 of the course: its text, exercises, questions and figures."""
