"""FreeScout: an httpx client of its REST API, the classification of its failures, and the parsing of its JSON."""
