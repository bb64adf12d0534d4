"""Measures maxbridge beside simpler programs that make the same calls (docs/performance.md)."""
