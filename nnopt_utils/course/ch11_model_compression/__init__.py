"""Chapter 11: model compression."""
