"""Files on their way between the two ends: fetched, kept for a moment, looked at, passed on."""
