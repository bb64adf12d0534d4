"""Durable state in SQLite; all transactions are made by the classes of :class:`maxbridge.store.store.Store`."""
