"""``make site``: puts the pages in place for mkdocs and lets it build ``dist/site``."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from website.pages import ORDER, ROOT, configuration, names_in, sources

TARGET = ROOT / "dist" / "site"
_SHIM = Path(__file__).with_name("iframe-worker.js")
_FETCHED = "https://unpkg.com/iframe-worker/shim"
_NEED_AN_ADDRESS = ("404.html", "sitemap.xml", "sitemap.xml.gz")
"""What a site of a known address has: these lead to the root of a server."""
_BASE = re.compile(r'(?<="base": )"\.\."')
_INDEX = "search/search_index"
_LESS = 0.2
_CELL = re.compile(r"(?<=<td>).*?(?=</td>)", re.DOTALL)
_CODE = re.compile(r"(?<=<code>)[^<]*(?=</code>)")


def main() -> int:
    """Build the site."""
    with tempfile.TemporaryDirectory(prefix="maxbridge-site-") as folder:
        work = Path(folder)
        for place, content in sources().items():
            path = work / "pages" / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        settings = work / "mkdocs.yml"
        settings.write_text(configuration(work / "pages", TARGET), encoding="utf-8")
        shutil.rmtree(TARGET, ignore_errors=True)
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
        quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
        done = subprocess.run([*command, "--config-file", str(settings)], check=False, env=quiet)
    if done.returncode:
        return done.returncode
    for name in _NEED_AN_ADDRESS:
        (TARGET / name).unlink(missing_ok=True)
    pages = sorted(TARGET.rglob("*.html"))
    _bring_shim(pages)
    _one_index_a_language(pages)
    print(f"{TARGET}/index.html: {len(pages)} pages; open it in a browser, no server is needed")
    return 0


def _bring_shim(pages: list[Path]) -> None:
    """Lay what the pages would fetch from elsewhere beside them: without it nothing is searched from a disk."""
    shutil.copy(_SHIM, TARGET / "assets" / "javascripts" / _SHIM.name)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        up = "../" * (len(page.relative_to(TARGET).parts) - 1)
        text = text.replace(_FETCHED, f"{up}assets/javascripts/{_SHIM.name}")
        page.write_text(breakable(text), "utf-8")


def _one_index_a_language(pages: list[Path]) -> None:
    """Let a page search its own language, and what is in the other one only."""
    whole = json.loads((TARGET / f"{_INDEX}.json").read_text("utf-8"))
    for language in ORDER:
        text = json.dumps(index_for(language, whole), ensure_ascii=False)
        place = TARGET / language / _INDEX
        place.parent.mkdir()
        place.with_suffix(".json").write_text(text, "utf-8")
        place.with_suffix(".js").write_text(f"var __index = {text}", "utf-8")
    for page in pages:
        if page.parent != TARGET:
            # Where the index is looked for, and what its places are relative to.
            page.write_text(_BASE.sub('"."', page.read_text("utf-8")), "utf-8")


def index_for(language: str, whole: Mapping[str, Any]) -> dict[str, Any]:
    """Return the search index for the pages of one language, with locations relative to them.

    Pages in English only are for those who build maxbridge, so they come after the others.

    Args:
        language: ``en`` or ``ru``.
        whole: The index of all pages.
    """
    docs = []
    for each in whole["docs"]:
        folder, _, place = each["location"].partition("/")
        name = re.sub(r"\.html.*", "", place)
        found = each if all(name in names_in(one) for one in ORDER) else each | {"boost": _LESS}
        if folder == language:
            docs.append(found | {"location": place})
        elif folder in ORDER and name not in names_in(language):
            docs.append(found | {"location": f"../{each['location']}"})
    return {"config": whole["config"] | {"lang": [language]}, "docs": docs}


def breakable(html: str) -> str:
    """A page whose narrow columns break names between their words, not in the middle of one."""

    def broken(code: re.Match[str]) -> str:
        return re.sub(r"[/_]|::", r"\g<0><wbr>", code[0])

    return _CELL.sub(lambda cell: _CODE.sub(broken, cell[0]), html)


if __name__ == "__main__":
    sys.exit(main())
