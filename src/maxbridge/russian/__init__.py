"""The catalogue: every sentence that an administrator reads, in Russian, found by the English one.

To add a sentence: write it in English inside of ``say(…)``, and here, in the module it belongs to, a line
``"English": "Русский",``. A sentence whose English changes has no Russian until somebody has looked at it again;
tests/test_russian.py names those.
"""

from __future__ import annotations

from types import ModuleType
from typing import Final

from maxbridge.russian import checks, commands, help_texts

MODULES: Final[tuple[ModuleType, ...]] = (checks, commands, help_texts)
CATALOGUE: Final[dict[str, str]] = {
    english: russian
    for sentences in (help_texts.CLICK, *(module.SENTENCES for module in MODULES))
    for english, russian in sentences.items()
}
