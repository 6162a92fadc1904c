"""Chapter 12 of the course: its text, exercises, questions and figures."""
