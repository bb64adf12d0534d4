"""The rules of the bridge as pure functions: no I/O, no clock of its own, nothing imported but itself."""
