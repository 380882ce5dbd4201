"""``swarmshare mirror`` as a process, with a real tracker, and members who publish."""

from __future__ import annotations

import random
import signal
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
import requests
from cli.processes import call, event, start
from tracker.trackers import PASSWORD, Server
from waiting import TIMEOUT

from swarmshare.cli.command import run_command

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

LENGTH, TINY = 1_500_000, 1000


class Group:
    """A tracker, and people with a home folder each."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder, self.server = folder, server
        (folder / "password").write_text(PASSWORD)
        self._token = ""
        self.join("olga", "--setup-token", server.events["setup"]["setup_token"])
        body = {"name": "olga", "password": PASSWORD}
        answer = requests.post(f"{server.url}/api/v1/tokens", json=body, timeout=TIMEOUT)
        self._token = answer.json()["token"]["secret"]

    def join(self, user: str, *how: object) -> Path:
        """Somebody new: gives their folder."""
        folder = self.folder / user
        folder.mkdir()
        if not how:
            headers = {"Authorization": f"Bearer {self._token}"}
            url = f"{self.server.url}/api/v1/invitations"
            how = ("--invite", requests.post(url, json={}, headers=headers, timeout=TIMEOUT).json()["secret"])
        password = self.folder / "password"
        call(folder, "register", "--tracker", self.server.url, "--user", user, "--password-file", password, *how)
        return folder

    @contextmanager
    def publishing(self, folder: Path, name: str) -> Iterator[subprocess.Popen[str]]:
        path = folder / name
        path.write_bytes(content(name))
        with ending(start(folder, "publish", path, "--seed")) as process:
            event(process, "listening")
            yield process


def content(name: str) -> bytes:
    return random.Random(name).randbytes(TINY if name == "tiny" else LENGTH)


@contextmanager
def ending(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Whatever happens, it ends; unless it was killed, cleanly."""
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=TIMEOUT)
    assert process.returncode in {130, -signal.SIGKILL}, error
    assert "Traceback" not in error


def until(process: subprocess.Popen[str], wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The first status of a mirror that is as ``wanted``."""
    deadline = monotonic() + TIMEOUT
    while monotonic() < deadline:
        status = event(process, "mirror")
        if wanted(status):
            return status
    raise AssertionError(f"it is {status}")


def complete(count: int) -> Callable[[dict[str, Any]], bool]:
    return lambda status: status["entries"] == status["complete"] == count


def holds(folder: Path, name: str) -> bool:
    return any(path.read_bytes() == content(name) for path in folder.glob(f"data/{name}-*/{name}"))


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    (tmp_path / "tracker").mkdir()
    server = Server(tmp_path / "tracker")
    try:
        yield Group(tmp_path, server)
    finally:
        server.end(signal.SIGTERM)


def test_it_holds_the_newest_and_survives_being_killed(group: Group) -> None:
    ann, mia = group.join("ann"), group.join("mia")
    mirror = ("mirror", "--tracker", group.server.url, "--data", "data", "--quota", f"{2 * LENGTH}B")
    with group.publishing(ann, "first"), group.publishing(ann, "second"):
        with ending(start(mia, *mirror, "--limit-down", "100KiB")) as process:
            event(process, "fetching")
            process.kill()
            process.wait(timeout=TIMEOUT)
        with ending(start(mia, *mirror)) as process:
            until(process, complete(2))
            assert holds(mia, "first")
            with group.publishing(ann, "newest"):
                deleted = event(process, "deleted")
                assert (deleted["name"], deleted["holder"]) == ("first", "ann")
                until(process, complete(2))
                assert holds(mia, "second")
                assert holds(mia, "newest")
                assert not list(mia.glob("data/first*"))


@pytest.mark.unmeasured
def test_the_only_copy_stays(group: Group) -> None:
    ann, mia = group.join("ann"), group.join("mia")
    with ending(start(mia, "mirror", "--data", "data", "--quota", f"{LENGTH + TINY}B")) as process:
        with group.publishing(ann, "sole"):
            until(process, complete(1))
        with group.publishing(ann, "newer"), group.publishing(ann, "tiny"):
            until(process, complete(2))
            assert holds(mia, "sole")
            assert holds(mia, "tiny")


@pytest.mark.unmeasured
def test_only_what_matches(group: Group) -> None:
    ann, mia = group.join("ann"), group.join("mia")
    with (
        group.publishing(ann, "song.mp3"),
        group.publishing(ann, "film.mkv"),
        ending(start(mia, "mirror", "--data", "data", "--match", "*.mkv")) as process,
    ):
        assert until(process, complete(1))["quota"] is None
        assert holds(mia, "film.mkv")
        assert not list(mia.glob("data/song*"))
        error = call(mia, "mirror", "--data", "data", expect=1)[-1]
        assert "another mirror is at work in this folder" in error["message"]


def test_nobody_is_signed_in(tmp_path: Path) -> None:
    (error,) = call(tmp_path, "mirror", "--data", "data", expect=1)
    assert "not signed in" in error["message"]
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("options", [["--quota", "0"], ["--quota", "much"], ["--listen", "x"], ["--max-peers", "0"]])
def test_wrong_usage(options: list[str]) -> None:
    with pytest.raises(SystemExit):
        run_command(["mirror", "--data", "d", *options])
