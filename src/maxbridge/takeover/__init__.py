"""A database made anew: tickets and histories of before are found and taken over."""
