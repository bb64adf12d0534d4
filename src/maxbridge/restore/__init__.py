"""After a restored backup: find at both services what was done since, so that nothing is done twice."""
