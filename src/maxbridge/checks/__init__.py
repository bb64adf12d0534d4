"""``maxbridge check``: every thing the bridge depends on, tried one by one, with what to do about it."""
