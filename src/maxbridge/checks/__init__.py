"""``maxbridge check``: try everything the bridge depends on, one by one, and say what to do."""
