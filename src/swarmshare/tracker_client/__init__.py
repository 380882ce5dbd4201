"""How this machine speaks with a tracker: its HTTP API, announces, and live events."""

import logging

# Without a handler, Python would print warnings to standard error where nobody asked for a log.
logging.getLogger(__name__).addHandler(logging.NullHandler())
