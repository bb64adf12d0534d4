"""Pages of the documentation that are made from the program itself; a test says when they are stale."""
