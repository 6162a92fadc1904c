"""Chapter 04 of the course: its text, exercises, questions and figures."""
