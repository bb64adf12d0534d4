"""Convert an agent's words from the desk's HTML to MAX's, step by step.

``elements`` reads HTML as a browser does, ``reader`` makes lines of formatted words of it (with the
help of ``looks`` and ``lines``), ``max_html`` writes them in parts. Only
:mod:`maxbridge.core.render` is called from outside.
"""
