"""Where settings and resume data go."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from swarmshare.storage.home import swarmshare_home

if TYPE_CHECKING:
    from pathlib import Path


def test_tests_keep_away_from_the_users_own(home: Path) -> None:
    assert swarmshare_home() == home


@pytest.mark.skipif(sys.platform != "linux", reason="the place is Linux's")
@pytest.mark.parametrize("named", [None, ""])
def test_the_platforms_own_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str | None) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    if named is None:
        monkeypatch.delenv("SWARMSHARE_HOME")
    else:
        monkeypatch.setenv("SWARMSHARE_HOME", named)
    assert swarmshare_home() == tmp_path / "SwarmShare"
    assert not list(tmp_path.iterdir())
