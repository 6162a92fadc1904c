"""Chapter 08 of the course: its text, exercises, questions and figures."""
