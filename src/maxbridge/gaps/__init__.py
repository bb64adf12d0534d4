"""What MAX did not tell: a gap is seen, a chat's history is read, and what is missing is added."""
