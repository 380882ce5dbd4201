"""The peer engine, on trio: connections, torrents, and the disk behind them. One thread owns everything here."""

import logging

# Without a handler, Python would print warnings to standard error where nobody asked for a log.
logging.getLogger(__name__).addHandler(logging.NullHandler())
