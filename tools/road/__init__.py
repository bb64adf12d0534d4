"""The road of one message and one reply through the program's modules, for who changes it."""
