"""``make reference``: writes the generated pages of ``docs/``."""

from __future__ import annotations

from reference import configuration, markdown
from reference.roff import MAN_PAGE, man_page


def main() -> None:
    """Write the pages."""
    try:
        pages = {
            made.document(language): made.page(language)
            for made in (configuration, markdown)
            for language in made.LANGUAGES
        }
    except KeyError as error:
        raise SystemExit(error.args[0]) from None
    for path, text in (*pages.items(), (MAN_PAGE, man_page())):
        path.write_text(text, encoding="utf-8")
        print(f"{path.name}: written")


main()
