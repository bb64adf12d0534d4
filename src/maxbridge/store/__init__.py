"""Durable state in SQLite; :class:`maxbridge.store.store.Store` holds the only transactions."""
