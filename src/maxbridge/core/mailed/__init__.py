"""What of a reply by mail its agent wrote: the quote below it is cut off, and a doubtful reply does not leave.

An agent may answer FreeScout's notification from a mail program. The notification repeats the whole
ticket, private notes included, and the program quotes it. ``page`` reads a mail as lines and knows the
elements by which mail programs begin a quote, ``lines`` their words; ``quote`` finds where the agent's own
words end; ``shared`` compares what is left with the ticket's notes. :mod:`maxbridge.core.mailed.own` puts them
together and is the only door.
"""
