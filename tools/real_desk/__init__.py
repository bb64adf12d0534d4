"""End-to-end scenarios of the real ``maxbridge run`` against a real FreeScout that is running already.

One side is our simulator of MAX; the other side is a FreeScout that the environment names (:mod:`real_desk.
settings`). Agents act through the endpoints of FreeScout's own web pages. Every word that somebody writes is
counted at the place where it had to arrive. Run by hand: ``make real-desk``.
"""
