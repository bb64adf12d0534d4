"""What administrators see of a running bridge: log, health, status, metrics, words to systemd."""
