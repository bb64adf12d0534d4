"""From ``apt install`` to the first message, as a new administrator goes, with the clock."""
