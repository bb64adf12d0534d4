"""Separate an agent's own words in a reply by mail from the quote below; hold back a reply that is unclear.

An agent may answer FreeScout's notification from a mail program. The notification repeats the whole
ticket, private notes included, and the program quotes it. ``page`` reads a mail as lines and knows
the elements by which mail programs begin a quote, ``lines`` their words; ``quote`` finds where the
agent's own words end; ``shared`` compares the rest with the ticket's notes. Only
:mod:`maxbridge.core.mailed.own` is called from outside.
"""
