"""The MAX side: a thin adapter over the library maxapi, and the reading of raw updates."""
