"""The demo: the real daemon between two simulators, to show what it does."""
