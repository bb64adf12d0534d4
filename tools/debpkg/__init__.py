"""The Debian package: ``make deb`` builds it, without debhelper (docs/decisions.md, Installing)."""
