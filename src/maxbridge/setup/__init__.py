"""``maxbridge init``: ask for the settings, try each answer, write the configuration."""
