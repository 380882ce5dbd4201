"""Fixtures for the tracker's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tracker.trackers import tracker_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracker.trackers import Tracker


@pytest.fixture
def tracker(tmp_path: Path) -> Iterator[Tracker]:
    with tracker_in(tmp_path) as made:
        yield made
