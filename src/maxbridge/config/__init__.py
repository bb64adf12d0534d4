"""The settings: names, sources, and validation."""
