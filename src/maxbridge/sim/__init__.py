"""Simulators of MAX and FreeScout, for the tests and for ``maxbridge demo``."""
