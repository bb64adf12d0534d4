"""The rules of the bridge as pure functions: no I/O, no clock, no imports from other packages."""
