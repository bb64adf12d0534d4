"""The pages as a site with search, both languages, that needs no server and nothing from outside: ``make site``."""
