"""``make site``: puts the pages in place for mkdocs and lets it build ``dist/site``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from website.pages import ROOT, configuration, sources

TARGET = ROOT / "dist" / "site"
_SHIM = Path(__file__).with_name("iframe-worker.js")
_FETCHED = "https://unpkg.com/iframe-worker/shim"
_NEED_AN_ADDRESS = ("404.html", "sitemap.xml", "sitemap.xml.gz")
"""What a site of a known address has: these lead to the root of a server."""
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


def breakable(html: str) -> str:
    """A page whose narrow columns break names between their words, not in the middle of one."""

    def broken(code: re.Match[str]) -> str:
        return re.sub(r"[/_]|::", r"\g<0><wbr>", code[0])

    return _CELL.sub(lambda cell: _CODE.sub(broken, cell[0]), html)


if __name__ == "__main__":
    sys.exit(main())
