"""Both simulators under the names of the real ends, with https, for tools that play an administrator."""
