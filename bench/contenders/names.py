"""How the contenders are called in tables."""

BARE, WEBHOOK, MAXBRIDGE = "a bare script", "b webhook bridge", "c maxbridge"
ALL = (BARE, WEBHOOK, MAXBRIDGE)
