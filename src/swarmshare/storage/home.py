"""Where this user's SwarmShare keeps what is not shared: resume data, settings, tokens."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import platformdirs

VARIABLE: Final = "SWARMSHARE_HOME"
"""Names another place, so that several peers can run on one machine."""


def swarmshare_home() -> Path:
    """Return the folder that ``SWARMSHARE_HOME`` names, else the platform's own place; it may not be there yet."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else platformdirs.user_data_path("SwarmShare", appauthor=False)
