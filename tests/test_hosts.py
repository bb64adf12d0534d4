"""hosts: the links of a MAX message that an agent may be shown (contract max.md 4, 8)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law, wire_texts
from maxbridge.config.settings import MaxSettings
from maxbridge.files.egress import media_rule
from recorded import max_body, max_names

RULE = media_rule(MaxSettings())


def urls_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [each for inner in value.values() for each in urls_in(inner)]
    if isinstance(value, list):
        return [each for inner in value for each in urls_in(inner)]
    return [value] if isinstance(value, str) and value.startswith("http") else []


@pytest.mark.parametrize(
    "name", [name for name in max_names("attachment.") if name != "attachment.share"]
)
def test_every_recorded_link_to_media_is_allowed(name: str) -> None:
    assert all(RULE(url) for url in urls_in(max_body(name)))


@pytest.mark.parametrize(
    "url",
    [
        "https://i.oneme.ru/i?r=1",
        "https://I.ONEME.RU/",
        "https://a.b.okcdn.ru:443/?expires=1",
        "https://st.mycdn.me",
    ],
)
def test_maxs_own_hosts_are_allowed(url: str) -> None:
    assert RULE(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "i.oneme.ru",
        "//i.oneme.ru/",
        "http://i.oneme.ru/",
        "ftp://i.oneme.ru/",
        "javascript:alert(1)//i.oneme.ru",
        "javascript://i.oneme.ru/%0aalert(1)",
        "data:text/html,x",
        "https://oneme.ru/",
        "https://evil-oneme.ru/",
        "https://i.oneme.ru.evil.ru/",
        "https://evil.ru/i.oneme.ru",
        "https://evil.ru?.oneme.ru",
        "https://evil.ru#.oneme.ru",
        "https://i.oneme.ru:8443/",
        "https://i.oneme.ru:x/",
        "https://user@i.oneme.ru/",
        "https://:pass@i.oneme.ru/",
        "https://i.oneme.ru@evil.ru/",
        "https://evil.ru\\@i.oneme.ru/",
        # A browser reads "\\" as "/": this leads to evil.ru.
        "https://evil.ru\\.oneme.ru/",
        "https://evil.ru\\i.oneme.ru/",
        "https:\\\\evil.ru\\.oneme.ru/",
        "https://evil.ru%2f.oneme.ru/",
        "https://evil.ru .oneme.ru/",
        "https://evil.ru\x0b.oneme.ru/",
        "https://evil.ru／.oneme.ru/",
        "https://[::1].oneme.ru/",
        "https://[i.oneme.ru]/",
    ],
)
def test_everything_else_is_not(url: str) -> None:
    assert not RULE(url)


HOST_LETTERS = set("abcdefghijklmnopqrstuvwxyz0123456789.-_")


@given(
    wire_texts
    | st.text(alphabet="htps:/\\.@#?%[]oneme.ruevil ", max_size=40).map("https://".__add__)
)
@law
def test_what_is_allowed_has_a_plain_host_before_anything_else(url: str) -> None:
    for each in (url, f"https://{url}.oneme.ru/", f"https://i.oneme.ru{url}"):
        if not RULE(each):
            continue
        # As a browser reads it: blanks around it and line ends within it do not count.
        plain = re.sub(r"[\t\r\n]", "", each).strip("".join(map(chr, range(33)))).lower()
        host = re.split(r"[/?#\\:]", plain.removeprefix("https://"))[0]
        assert host.endswith((".oneme.ru", ".okcdn.ru", ".mycdn.me")), each
        assert set(host) <= HOST_LETTERS


@pytest.mark.parametrize(
    ("api_url", "url", "allowed"),
    [
        # A simulator on this machine serves its media itself.
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001/file", True),
        ("http://localhost:8001", "http://localhost:8001/file", True),
        ("http://[::1]:8001", "http://[::1]:8001/file", True),
        ("http://127.0.0.1:8001", "https://i.oneme.ru/", True),
        ("http://127.0.0.1:80", "http://127.0.0.1/file", True),
        ("http://127.0.0.1", "http://127.0.0.1:80/file", True),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8002/file", False),
        ("http://127.0.0.1:8001", "https://127.0.0.1:8001/file", False),
        ("http://127.0.0.1:8001", "http://127.0.0.1/file", False),
        ("http://127.0.0.1:8001", "http://u@127.0.0.1:8001/file", False),
        ("http://127.0.0.1:8001", "http://localhost:8001/file", False),
        # The real API's host is no host of media.
        ("https://platform-api2.max.ru", "https://platform-api2.max.ru/file", False),
        ("https://platform-api2.max.ru", "http://127.0.0.1/", False),
    ],
)
def test_the_apis_own_host_is_allowed_on_loopback_only(
    api_url: str, url: str, allowed: bool
) -> None:
    assert media_rule(MaxSettings(api_url=api_url))(url) is allowed


def test_the_administrator_names_the_hosts() -> None:
    rule = media_rule(MaxSettings(media_hosts=("CDN.max.example", "*.x.ru")))
    assert rule("https://cdn.max.example/a")
    assert rule("https://a.x.ru/")
    assert not rule("https://i.oneme.ru/")
    assert not media_rule(MaxSettings(media_hosts=()))("https://i.oneme.ru/")
