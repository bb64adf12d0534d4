"""The gallery: every recorded sample as the other side sees it, in ``docs/gallery.md``.

Run with ``make gallery``. The words need nothing but the program itself; the pictures need a headless
Chromium on the PATH. Not a part of the package: nobody who runs maxbridge has it.
"""
