"""A strict simulator of the MAX Bot API and of what its customers do in the app."""

from maxbridge.sim.max.http import Logged, MaxEvent, MaxSim

__all__ = ["Logged", "MaxEvent", "MaxSim"]
