"""The FreeScout side: an httpx client of its REST API, its error meanings, and the reading of its JSON."""
