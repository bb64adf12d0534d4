"""From FreeScout to MAX: notice agents' replies, read them, and send them."""
