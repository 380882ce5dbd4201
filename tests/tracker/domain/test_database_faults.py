"""What a tracker says and still does while its database is locked, its disk is full, or its file is damaged."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from manifest.makers import encoded, good_doc
from tracker.trackers import PASSWORD, Server, problem, tracker_in
from waiting import TIMEOUT

from swarmshare.tracker.domain import sqlite as module
from swarmshare.tracker.domain.database import FILE_NAME, Database
from swarmshare.tracker.domain.database_problem import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tracker.trackers import Tracker

    Run = Callable[..., Server]

IN_A_NAMESPACE = ("unshare", "--map-root-user", "--mount")
"""Where anybody may mount a disk of a size of their own, which nobody else sees."""


@pytest.fixture
def run() -> Iterator[Run]:
    """Starts trackers as processes, of which none is left."""
    started: list[Server] = []

    def start(*arguments: str | Path, kind: type[Server] = Server) -> Server:
        started.append(kind(*arguments))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.end(signal.SIGKILL)


def ask(server: Server, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    kind = "application/x-bittorrent" if isinstance(body, bytes) else "application/json"
    data = body if isinstance(body, bytes) or body is None else json.dumps(body)
    with closing(http.client.HTTPConnection(server.address, timeout=TIMEOUT)) as connection:
        connection.request(method, path, data, {**headers, "Content-Type": kind})
        response = connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text else None


def health(server: Server) -> tuple[int, str]:
    status, answer = ask(server, "GET", "/healthz")
    return status, answer["status"]


def organiser(server: Server) -> str:
    body = {"name": "Olga", "password": PASSWORD, "setup_token": server.events["setup"]["setup_token"]}
    status, answer = ask(server, "POST", "/api/v1/accounts", body)
    assert status == 201, answer
    secret: str = answer["token"]["secret"]
    return secret


def sign_in(server: Server) -> tuple[int, Any]:
    return ask(server, "POST", "/api/v1/tokens", {"name": "Olga", "password": PASSWORD})


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program writes, and takes its time."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def test_a_lock_of_another_program_holds_up_its_writer_only(tmp_path: Path, run: Run) -> None:
    server = run(tmp_path, "--registration", "open")
    organiser(server)
    seen, before = (0, ""), False
    for number in range(5):  # a machine may be so busy that the writer has given up before we asked
        with locked(tmp_path / FILE_NAME):
            answered = threading.Event()
            statuses: list[int] = []

            def register(name: str, answered: threading.Event, statuses: list[int]) -> None:
                statuses.append(ask(server, "POST", "/api/v1/accounts", {"name": name, "password": PASSWORD})[0])
                answered.set()

            writer = threading.Thread(target=register, args=(f"Ann {number}", answered, statuses))
            writer.start()
            seen = health(server)
            before = not answered.is_set()
        writer.join()
        if before:
            break
    assert before, "others were answered while a writer waited"
    assert seen == (503, "locked")
    assert statuses == [201], "it had its turn"
    assert health(server) == (200, "ok")
    _, error = server.end(signal.SIGTERM)
    assert error.count("another program") == 1
    assert "Traceback" not in error


def test_signing_in_while_the_database_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    with tracker_in(tmp_path) as tracker:
        with locked(tmp_path / FILE_NAME):
            response = tracker.ask("POST", "/tokens", json={"name": "Olga", "password": PASSWORD})
            assert response.status_code == 201, response.text
            headers = {"Authorization": f"Bearer {response.json['token']['secret']}"}
            assert tracker.ask("GET", "/account", headers=headers).json["account"]["name"] == "Olga"
            assert problem(tracker.ask("POST", "/invitations", tracker.organiser, json={}))[:2] == (503, "locked")
        assert tracker.ask("GET", "/account", headers=headers).status_code == 200, "it holds afterwards, too"
        assert tracker.ask("DELETE", "/tokens/current", headers=headers).status_code == 204
        assert tracker.ask("GET", "/account", headers=headers).status_code == 401


def test_a_token_that_could_not_be_stored_ends_with_its_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    with tracker_in(tmp_path) as tracker:
        ann = tracker.join("Ann")
        with locked(tmp_path / FILE_NAME):
            body = {"name": "Ann", "password": PASSWORD}
            tokens = [tracker.ask("POST", "/tokens", json=body).json["token"]["secret"] for _ in range(2)]
        first, second = ({"Authorization": f"Bearer {token}"} for token in tokens)
        tracker.ask("PATCH", f"/accounts/{ann.account}", tracker.organiser, json={"suspended": True})
        assert tracker.ask("GET", "/account", headers=first).status_code in (401, 403)
        tracker.ask("PATCH", f"/accounts/{ann.account}", tracker.organiser, json={"suspended": False})
        assert tracker.ask("GET", "/account", headers=second).status_code == 401, "it signs in anew"


def test_tokens_in_memory_are_few_and_end_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from swarmshare.tracker.domain import unsaved_tokens

    monkeypatch.setattr(module, "PATIENCE", 0.0)
    monkeypatch.setattr(unsaved_tokens, "MAX_TOKENS", 2)
    with tracker_in(tmp_path) as tracker, locked(tmp_path / FILE_NAME):
        body = {"name": "Olga", "password": PASSWORD}
        tokens = [tracker.ask("POST", "/tokens", json=body).json["token"]["secret"] for _ in range(3)]

        def statuses() -> list[int]:
            headers = [{"Authorization": f"Bearer {token}"} for token in tokens]
            return [tracker.ask("GET", "/account", headers=each).status_code for each in headers]

        assert statuses() == [401, 200, 200]
        tracker.clock.advance(unsaved_tokens.LIFETIME)
        assert statuses() == [401, 401, 401]


class Crowded(Server):
    """A tracker whose disk holds 2 MiB."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        script = 'mount -t tmpfs -o size=2m tmpfs "$1" && shift && exec "$@"'
        super().__init__(
            folder, "--registration", "open", before=(*IN_A_NAMESPACE, "sh", "-c", script, "-", str(folder))
        )

    @property
    def folder(self) -> Path:
        """The disk, as its process sees it."""
        return Path(f"/proc/{self.process.pid}/root{self._folder}")

    def fill(self) -> None:
        with (self.folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(2**10)):
                pass


def can_mount() -> bool:
    command = [*IN_A_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return (
        shutil.which("unshare") is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not can_mount(), reason="nobody may mount a disk here")
def test_a_full_disk(tmp_path: Path, run: Run) -> None:
    server = run(tmp_path / "data", kind=Crowded)
    assert isinstance(server, Crowded)
    token = organiser(server)
    server.fill()
    for _ in range(2):
        status, answer = ask(server, "POST", "/api/v1/catalogue", encoded(good_doc()), token)
        assert (status, answer["code"]) == (503, "disk-full"), answer
        assert "disk" in answer["message"]
        assert "full" in answer["message"]
    assert health(server) == (503, "disk-full")
    status, answer = sign_in(server)
    assert status == 201, answer
    fresh = answer["token"]["secret"]
    assert ask(server, "GET", "/api/v1/account", token=fresh)[0] == 200
    (server.folder / "filler").unlink()
    assert health(server) == (200, "ok")
    assert ask(server, "POST", "/api/v1/catalogue", encoded(good_doc()), fresh)[0] == 201
    _, error = server.end(signal.SIGTERM)
    assert error.count("database is full") == 1, error
    assert "Traceback" not in error


def test_a_disk_that_fails(tmp_path: Path, run: Run) -> None:
    import resource

    server = run(tmp_path)
    token = organiser(server)
    size = (tmp_path / f"{FILE_NAME}-wal").stat().st_size  # what is written next cannot be
    _, most = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, most))
    status, answer = ask(
        server, "POST", "/api/v1/catalogue", encoded({**good_doc(), b"comment": b"x" * 200_000}), token
    )
    assert (status, answer["code"]) == (503, "disk"), answer
    assert health(server)[0] == 503
    resource.prlimit(
        server.process.pid, resource.RLIMIT_FSIZE, (most, most)
    )  # what measures coverage writes at its end
    _, error = server.end(signal.SIGTERM)
    assert "Traceback" not in error


def made(folder: Path) -> Path:
    """The database of a tracker that has ended."""
    with tracker_in(folder) as tracker:
        for _ in range(3):
            tracker.invite()
    return folder / FILE_NAME


def failure(folder: Path) -> str:
    """What a tracker says that does not start."""
    process = subprocess.run(
        [sys.executable, "-m", "swarmshare", "tracker", "--listen", "127.0.0.1:0", "--data", str(folder)],
        capture_output=True, text=True, timeout=TIMEOUT, check=False,
        env={**os.environ, "SWARMSHARE_HOME": str(folder)},
    )  # fmt: skip
    assert process.returncode == 1
    assert "bug" not in process.stderr
    assert "Traceback" not in process.stderr
    assert len(process.stderr.splitlines()) <= 2
    return process.stderr


@pytest.mark.parametrize("kept", [100, 4096, 20_000])
def test_a_file_that_was_cut_short(tmp_path: Path, kept: int) -> None:
    path = made(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DatabaseError, match="damaged") as failed:
        Database(None, tmp_path)
    assert str(path) in str(failed.value)
    assert "backup" in (failed.value.hint or "")


def test_a_file_with_rubbish_in_it(tmp_path: Path) -> None:
    """Its first page, which says what is where, is whole."""
    path = made(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096))
    assert "damaged" in failure(tmp_path)


@pytest.mark.parametrize("zeros", [0, 4096, 100_000])
def test_a_file_of_nothing_is_no_new_tracker(tmp_path: Path, zeros: int) -> None:
    path = made(tmp_path)
    path.write_bytes(bytes(zeros))
    for url in (None, f"sqlite:///{path}"):
        with pytest.raises(DatabaseError, match=r"empty|not a database") as failed:
            Database(url, tmp_path)
        assert "backup" in (failed.value.hint or "")
    assert path.read_bytes() == bytes(zeros), "it is left as it was"


def test_a_file_that_is_gone_though_its_log_is_there(tmp_path: Path) -> None:
    path = made(tmp_path)
    path.rename(tmp_path / "elsewhere")
    path.with_name(f"{FILE_NAME}-wal").write_bytes(b"x" * 32)
    with pytest.raises(DatabaseError, match=f"{FILE_NAME}-wal"):
        Database(None, tmp_path)


def test_damage_that_is_found_while_running(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with tracker_in(tmp_path) as tracker:
        damage(tracker)
        assert problem(tracker.ask("GET", "/catalogue", tracker.organiser))[:2] == (503, "damaged")
        assert tracker.http.get("/healthz").json["status"] == "damaged"
        query = f"info_hash={'a' * 20}&peer_id={'b' * 20}&port=1&left=0&uploaded=0&downloaded=0"
        assert b"damaged" in tracker.http.get(f"/announce?{query}").data
        assert "damaged" in tracker.http.get("/").text
    assert [record.exc_info for record in caplog.records] == [None]


def damage(tracker: Tracker) -> None:
    """Overwrite every table but those that signing in needs, under a running tracker."""
    path = Path(tracker.services.database.url.database or "")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        tables = "SELECT rootpage FROM sqlite_schema WHERE name LIKE '%entry%' OR name LIKE '%wire%'"
        pages = [page for (page,) in connection.execute(tables) if page]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    tracker.services.database.close()  # it has pages in memory
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * size)
            file.write(b"\xa5" * size)


def test_two_trackers_on_one_folder(tmp_path: Path, run: Run) -> None:
    first = run(tmp_path)
    said = failure(tmp_path)
    assert "another tracker" in said
    assert str(tmp_path) in said
    first.end(signal.SIGKILL)
    run(tmp_path)  # whoever was killed holds nothing


def test_two_trackers_on_one_named_file(tmp_path: Path, run: Run) -> None:
    url = f"sqlite:///{tmp_path / 'mine.db'}"
    run(tmp_path / "one", "--database", url)
    with pytest.raises(AssertionError, match="another tracker"):
        run(tmp_path / "other", "--database", url)
