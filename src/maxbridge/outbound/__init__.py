"""From FreeScout to MAX: what agents write is noticed, read, and sent."""
