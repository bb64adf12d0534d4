"""Simulators of both ends: the tests' other side, and what `maxbridge demo` talks to."""
