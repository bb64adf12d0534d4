"""The loops: each fetches or delivers, carries out plans of the core, and keeps nothing to itself."""
