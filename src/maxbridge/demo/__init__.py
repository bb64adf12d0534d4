"""The demo: the real daemon between both simulators, for people who want to see what it does."""
