"""What runs here is told in files, of which those of dead processes do not count."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from swarmshare.app.running import MAX_BYTES, running, telling_status
from swarmshare.storage.home import swarmshare_home

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SWARMSHARE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_whoever_runs_is_told_of_until_it_ends() -> None:
    assert running() == []
    with telling_status("seed") as status:
        assert running() == [], "it has said nothing yet"
        status.tell(addresses=["127.0.0.1:1"])
        status.tell(addresses=["127.0.0.1:2"])
        with telling_status("gui") as other:
            other.tell()
            told = {one["verb"]: one.get("addresses") for one in running()}
        assert told == {"seed": ["127.0.0.1:2"], "gui": None}
    assert running() == []
    assert list((swarmshare_home() / "run").iterdir()) == []


def test_a_process_that_was_killed_is_not_told_of() -> None:
    program = (
        "from swarmshare.app.running import telling_status\n"
        "with telling_status('seed') as status:\n    status.tell()\n    print(flush=True)\n    input()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert [told["pid"] for told in running()] == [process.pid]
        process.kill()
        process.wait()
        assert list((swarmshare_home() / "run").glob("*.json"))
        assert running() == []
    assert list((swarmshare_home() / "run").iterdir()) == []


@pytest.mark.parametrize("content", ["", "[]", "{", "{}", '{"started_at": "x"}', "1" * (MAX_BYTES + 1)])
def test_what_cannot_be_read_is_passed_over(content: str) -> None:
    with telling_status("seed") as status:
        status.tell()
        (path,) = (swarmshare_home() / "run").glob("*.json")
        assert json.loads(path.read_text())["verb"] == "seed"
        path.write_text(content)
        assert running() == []


def test_a_home_that_cannot_be_written_to_stops_nobody(own_home: Path) -> None:
    own_home.write_text("no folder")
    with telling_status("seed") as status:
        status.tell()
    own_home.unlink()
    with telling_status("seed") as status:
        for path in (own_home / "run").iterdir():
            path.unlink()
        (own_home / "run").rmdir()
        status.tell()
    assert running() == []
