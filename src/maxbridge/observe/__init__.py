"""What administrators see of a running bridge: log, health, status, metrics, systemd notifications."""
