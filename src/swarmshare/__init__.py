"""SwarmShare: share big files between the machines of a group, by BitTorrent v2."""

__version__ = "0.1.0"
