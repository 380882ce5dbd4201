"""A tracker for a module's tests, and a home for each of them."""

from __future__ import annotations

import itertools
import signal
from typing import TYPE_CHECKING

import pytest
from tracker.trackers import PASSWORD, Server

from swarmshare.tracker_client.api import TrackerApi
from swarmshare.tracker_client.http import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_numbers = itertools.count()


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a tracker that everybody may register at; its organiser is Olga."""
    server = Server(tmp_path_factory.mktemp("tracker"), "--registration", "open")
    with Connection(server.url) as connection:
        token = server.events["setup"]["setup_token"]
        TrackerApi(connection).register("Olga", PASSWORD, "test", setup_token=token)
    yield server.url
    assert server.end(signal.SIGTERM)[0] == 130


@pytest.fixture
def name() -> str:
    """Of a person that nobody else has."""
    return f"person{next(_numbers)}"


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, with settings that listen on this machine only."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("SWARMSHARE_HOME", str(home))
    (home / "config.toml").write_text(f'folder = "{tmp_path / "downloads"}"\nlisten = "127.0.0.1:0"\n')
    return home
