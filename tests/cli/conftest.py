"""Content that several tests share, and no screen, wherever the tests run."""

from __future__ import annotations

import json
import random
import signal
from typing import TYPE_CHECKING, Any

import pytest
import requests
from cli.groups import Group
from cli.processes import call
from tracker.trackers import PASSWORD, Server
from waiting import TIMEOUT

from swarmshare.cli.command import run_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A folder of 6.1 MB beside its manifest, ``top.torrent``."""
    folder = tmp_path / "top"
    folder.mkdir()
    for name, length in (("a.bin", 6_000_000), ("b.bin", 100_000), ("empty", 0)):
        (folder / name).write_bytes(random.Random(name).randbytes(length))
    call(tmp_path, "create", "top")
    return folder


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    server = Server(tmp_path_factory.mktemp("tracker"))
    try:
        setup_token = server.events["setup"]["setup_token"]
        body = {"name": "Olga", "password": PASSWORD, "setup_token": setup_token}
        answer = requests.post(f"{server.url}/api/v1/accounts", json=body, timeout=TIMEOUT).json()
        yield Group(server, answer["token"]["secret"])
    finally:
        server.end(signal.SIGTERM)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a verb with ``--json``, in a home of its own; gives its events. The right password is in ``password``."""
    monkeypatch.setenv("SWARMSHARE_HOME", str(tmp_path / "home"))
    (tmp_path / "password").write_text(f"{PASSWORD}\nand a second line\n")

    def run(*arguments: object, expect: int = 0) -> list[dict[str, Any]]:
        assert run_command([*map(str, arguments), "--json"]) == expect
        out, error = capsys.readouterr()
        complaints = [line for line in error.splitlines() if line.startswith("swarmshare: ")]
        assert len(complaints) == expect
        assert PASSWORD not in out + error
        return [json.loads(line) for line in out.splitlines()]

    return run


@pytest.fixture
def member(run: Any, group: Group, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Somebody who is signed in: the name."""
    name = f"m{abs(hash(request.node.name)) % 10**12}"
    run(
        "register", "--tracker", group.url, "--user", name, "--password-file", tmp_path / "password",
        "--invite", group.invite(),
    )  # fmt: skip
    return name
