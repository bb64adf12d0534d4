"""Which files are the desk's own, and where they are fetched (contract freescout.md 5, traps 12 and 18)."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import httpx

from maxbridge.files.reach import Reach

STORAGE = "/storage/attachment/"


def own_file(url: str) -> bool:
    """Does this address name a file in a desk's storage?

    Told by the path alone: the host in it is that of ``APP_URL``, which we are not told. It is never
    asked for a file, see :func:`at_desk`.
    """
    return _stored(url) is not None


def at_desk(url: str, desk: str) -> str | None:
    """The address of a desk's file at the desk that we know.

    FreeScout builds the links to its files from ``APP_URL``, whatever address it is called at, and
    whoever writes HTML can name any host. So only path, id and token are taken from a link; the host
    is always the one of the settings.

    Args:
        url: ``fileUrl``, or the source of a picture in a reply.
        desk: ``[freescout] url``.

    Returns:
        None when it is no file of a desk.
    """
    stored = _stored(url)
    return None if stored is None else desk.rstrip("/") + stored


def desk_reach(desk: str) -> Reach:
    """The rule for fetching the desk's files: its own host, its own storage.

    An address in the administrator's own network is as good as any: he has named the host. A redirect
    may go from http to https (an ``APP_URL`` with https answers so), never back.
    """
    own = httpx.URL(desk)

    def allowed(url: str) -> bool:
        try:
            target = httpx.URL(url)
        except httpx.InvalidURL:
            return False
        if target.host != own.host or target.userinfo:
            return False
        same = (target.scheme, target.port) == (own.scheme, own.port)
        upgraded = (own.scheme, target.scheme, target.port) == ("http", "https", None)
        return (same or upgraded) and own_file(url)

    return Reach(allowed)


def _stored(url: str) -> str | None:
    """Path and query of a file in a desk's storage, the desk's own folder before it left out."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("", "http", "https") or "\\" in url:
        return None
    _, storage, name = parts.path.partition(STORAGE)
    if not storage or not name or any(each in (".", "..") for each in unquote(name).split("/")):
        return None
    return f"{storage}{name}?{parts.query}" if parts.query else storage + name
