"""maxbridge joins the messenger MAX with the help desk FreeScout; see README.md."""

__version__ = "1.0.0"
