"""Draws what commands print on a terminal, for docs/screens."""
