"""Load on the service, on loopback."""
