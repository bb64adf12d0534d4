"""``make reference``: writes the generated pages of ``docs/``."""

from __future__ import annotations

from reference.configuration import LANGUAGES, document, page


def main() -> None:
    """Write the pages."""
    for language in LANGUAGES:
        path = document(language)
        path.write_text(page(language), encoding="utf-8")
        print(f"{path.name}: written")


main()
