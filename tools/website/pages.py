"""Which file of the repository is which page, how links lead there, and the order of the pages by what people need."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_AROUND = {
    "README.md": "en/index.md",
    "README.ru.md": "ru/index.md",
    "docs/README.md": "en/contents.md",
    "docs/README.ru.md": "ru/contents.md",
    "SECURITY.md": "en/security.md",
    "SECURITY.ru.md": "ru/security.md",
    "CHANGELOG.md": "en/changes.md",
    "CONTRIBUTING.md": "en/contributing.md",
    "LICENSE": "LICENSE.txt",
}
_TITLES = {
    "en/index": "Overview",
    "ru/index": "Обзор",
    "en/contents": "All pages",
    "ru/contents": "Все страницы",
}
"""Where the title of a page does not say what is on it."""
_STYLE = Path(__file__).with_name("site.css")
_SCRIPT = Path(__file__).with_name("search.js")
_LINK = re.compile(r"(?P<head>!?\[(?:[^\]\\]|\\.)*\]\()(?P<target>[^)\s#]*)(?P<anchor>#[^)\s]*)?\)")
_CODE = re.compile(r"^(`{3,}).*?^\1$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_SLUGS = "@SLUGS@"
BETWEEN_WORDS = r"""[\s\-,:;!?=\[\]()<>"'`«»“”…—/|]+|\.(?=\s|$)"""
"""Where the search separates words: a code such as ``desk.timeout`` stays whole."""
ORDER = {
    "en": {
        "Begin": ["index", "start", "docker", "migration", "faq"],
        "Run it": ["operations", "second-host", "troubleshooting", "monitoring"],
        "Look up": ["contents", "commands", "configuration", "status", "tickets", "gallery", "systemd", "security"],
        "Understand": ["reliability", "scale", "architecture", "performance", "testing", "features", "decisions",
                       "dependencies", "contributing", "changes"],
    },
    "ru": {
        "С чего начать": ["index", "start", "docker", "migration", "faq"],
        "В работе": ["operations", "second-host", "troubleshooting", "monitoring"],
        "Справочник": ["contents", "commands", "configuration", "status", "tickets", "systemd", "security"],
        "Как это устроено": ["reliability", "scale", "architecture"],
    },
}  # fmt: skip
"""Pages of each language under what somebody wants of them."""


def place_of(path: str) -> str:
    """Where a file of the repository stands on the site.

    Args:
        path: Relative to the root of the repository.

    Raises:
        KeyError: It is no page and no picture.
    """
    if path in _AROUND:
        return _AROUND[path]
    name = PurePosixPath(path)
    if name.parts[0] != "docs":
        raise KeyError(f"the site does not have {path}")
    if name.suffix != ".md":
        return str(PurePosixPath("files", *name.parts[1:]))
    if name.name.endswith(".ru.md"):
        return f"ru/{name.name.removesuffix('.ru.md')}.md"
    return f"en/{name.name}"


def sources() -> dict[str, bytes]:
    """Every file of the site by its place; links lead to places."""
    found: dict[str, bytes] = {"index.md": _FIRST.encode()}
    found |= {each.name: each.read_bytes() for each in (_STYLE, _SCRIPT)}
    for path in _files():
        name = path.relative_to(ROOT).as_posix()
        content = path.read_bytes()
        if path.suffix == ".md":
            content = led(name, content.decode("utf-8")).encode()
        found[place_of(name)] = content
    return found


def led(name: str, text: str) -> str:
    """A page whose links lead to places of the site; code stays as it is."""
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(found[0])
        return f"\0{len(kept) - 1}\0"

    text = _LINK.sub(lambda found: _link(name, found), _CODE.sub(keep, text))
    return re.sub(r"\0(\d+)\0", lambda found: kept[int(found[1])], text)


def _link(name: str, found: re.Match[str]) -> str:
    target, anchor = found["target"], found["anchor"] or ""
    if not target or re.match(r"[a-z]+:", target):
        return found[0]
    path = os.path.normpath(PurePosixPath(name).parent / target)
    here = PurePosixPath(place_of(name)).parent
    return f"{found['head']}{os.path.relpath(place_of(path), here)}{anchor})"


def _files() -> Iterator[Path]:
    yield from (ROOT / name for name in _AROUND)
    yield from (each for each in sorted(DOCS.rglob("*")) if each.is_file() and not _is_index(each))


def _is_index(path: Path) -> bool:
    return path.relative_to(ROOT).as_posix() in _AROUND or path.suffix in (".1", ".json")


def configuration(pages: Path, target: Path) -> str:
    """What mkdocs is told, as YAML.

    Args:
        pages: Where the pages are.
        target: Where the site goes.
    """
    told: dict[str, Any] = {
        "site_name": "maxbridge",
        "docs_dir": str(pages),
        "site_dir": str(target),
        "use_directory_urls": False,
        "theme": {
            "name": "material",
            "custom_dir": str(Path(__file__).with_name("theme")),
            "font": False,
            "features": ["navigation.tabs", "navigation.sections", "navigation.top", "content.code.copy"],
            "palette": [
                {"media": "(prefers-color-scheme: light)", "scheme": "default", "primary": "indigo"},
                {"media": "(prefers-color-scheme: dark)", "scheme": "slate", "primary": "indigo"},
            ],
        },
        "extra": {
            "generator": False,
            "alternate": [
                {"name": "English", "link": "en/index.html", "lang": "en"},
                {"name": "Русский", "link": "ru/index.html", "lang": "ru"},
            ],
            "in_both": sorted(f"{name}.html" for name in names_in("en") & names_in("ru")),
        },
        "extra_css": [_STYLE.name],
        "extra_javascript": [_SCRIPT.name],
        "plugins": [{"search": {"lang": ["en", "ru"], "separator": BETWEEN_WORDS}}, "offline"],
        "markdown_extensions": ["tables", "attr_list", "md_in_html", "pymdownx.superfences",
                                {"toc": {"permalink": True, "slugify": _SLUGS}}],
        "validation": {"anchors": "warn", "links": {"not_found": "warn"}},
        "nav": [
            {language: [{title: [_entry(f"{short}/{name}") for name in names]} for title, names in ORDER[short].items()]}
            for language, short in (("English", "en"), ("Русский", "ru"))
        ],
    }  # fmt: skip
    slugs = "!!python/object/apply:pymdownx.slugs.slugify {kwds: {case: lower}}"
    return json.dumps(told, ensure_ascii=False).replace(f'"{_SLUGS}"', slugs)


def names_in(language: str) -> set[str]:
    """The names of the pages in a language."""
    return {name for names in ORDER[language].values() for name in names}


def _entry(page: str) -> str | dict[str, str]:
    return {_TITLES[page]: f"{page}.md"} if page in _TITLES else f"{page}.md"


_FIRST = """\
# maxbridge

- [In English](en/index.md): the messenger MAX and the help desk FreeScout, joined without a public address
- [По-русски](ru/index.md): мессенджер MAX и хелпдеск FreeScout, связанные без белого IP-адреса
"""
