"""The way of an agent's words from the desk's HTML to MAX's, step by step.

``elements`` reads HTML as a browser does, ``reader`` makes lines of styled words of it (with the help of
``looks``, ``margin``, ``rows`` and ``addresses``), ``variables`` fills them in, ``max_html`` writes them
in parts. :mod:`maxbridge.core.render` puts the steps together and is the only door.
"""
