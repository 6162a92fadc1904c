"""Tools for the authors of the course. Learners never need them."""
