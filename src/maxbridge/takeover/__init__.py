"""Create a database anew: find earlier tickets and histories and take them over."""
