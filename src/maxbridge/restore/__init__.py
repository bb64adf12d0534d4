"""After a restored backup: what was done since is found at both ends, so that nothing is done twice."""
