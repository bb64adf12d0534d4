"""Durable state in SQLite; :class:`maxbridge.store.journal.Journal` holds the only transactions."""
