"""MAX: a thin adapter over the library maxapi, and the parsing of raw updates."""
