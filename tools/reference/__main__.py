"""``make reference``: writes the generated pages of ``docs/``."""

from __future__ import annotations

from reference.configuration import LANGUAGES, document, page
from reference.markdown import COMMANDS_PAGE, reference
from reference.roff import MAN_PAGE, man_page


def main() -> None:
    """Write the pages."""
    for language in LANGUAGES:
        path = document(language)
        path.write_text(page(language), encoding="utf-8")
        print(f"{path.name}: written")
    for path, text in ((MAN_PAGE, man_page()), (COMMANDS_PAGE, reference())):
        path.write_text(text, encoding="utf-8")
        print(f"{path.name}: written")


main()
