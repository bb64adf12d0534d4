"""Simpler forms of a customer's message that the desk does not take as it is.

A firewall may dislike the words, PHP may run out of memory over a file, one ticket may have grown too large to
be written to. Such a message steps down one rung at a try, so that as much of it as possible reaches an agent;
what is left out is named in the ticket. The forms of a reply on its way to MAX are in :func:`maxbridge.core.parts.simpler`.
"""

from __future__ import annotations

from enum import IntFlag


class Rung(IntFlag):
    """What is done differently; several may be."""

    NONE = 0
    WITHOUT_FILES = 1
    """Each file becomes a line with its name and its link."""
    WORDS_AS_FILE = 2
    """The words travel as a text file, which no firewall reads."""
    NEW_TICKET = 4
    """A new ticket that names the old one."""


def next_rung(
    rung: int, *, files: bool, words: bool, ticket: bool, unreadable: bool
) -> Rung | None:
    """The next simpler form; None when there is none.

    Args:
        rung: The present form.
        files: It brings files.
        words: It brings words.
        ticket: It goes into a ticket that exists.
        unreadable: The ticket cannot be read, so the message itself was never tried.
    """
    now = Rung(rung)
    steps = {
        Rung.WITHOUT_FILES: files,
        Rung.WORDS_AS_FILE: words,
        Rung.NEW_TICKET: ticket,
    }
    if unreadable:
        steps = {Rung.NEW_TICKET: ticket}
    return next((now | step for step, fits in steps.items() if fits and step not in now), None)
