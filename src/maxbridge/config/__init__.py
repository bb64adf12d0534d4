"""The settings: what they are called, where they come from, and what is wrong with them."""
