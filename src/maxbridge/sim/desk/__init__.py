"""A strict simulator of FreeScout's REST API and of what its agents do in the web interface."""

from maxbridge.sim.desk.http import DeskEvent, DeskSim, SeenRequest

__all__ = ["DeskEvent", "DeskSim", "SeenRequest"]
