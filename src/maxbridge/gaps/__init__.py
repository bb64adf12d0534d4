"""Find gaps in MAX's events, read the chats' histories, and add what is missing."""
