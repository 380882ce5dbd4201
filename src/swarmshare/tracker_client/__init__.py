"""How this machine speaks with a tracker: its HTTP API, announces, and live events."""
