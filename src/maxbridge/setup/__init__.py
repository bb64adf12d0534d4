"""``maxbridge init``: asks for what is needed, tries each answer, writes the configuration."""
