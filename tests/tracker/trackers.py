"""Trackers to test: one inside this process, with a clock that stands still, and one as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

from manifest.makers import encoded, good_doc
from waiting import TIMEOUT

from swarmshare.schema.text_wire import read_text
from swarmshare.tracker.app import EXTENSION, create_app
from swarmshare.tracker.config import TrackerConfig
from swarmshare.tracker.domain.database import FILE_NAME, Database
from swarmshare.tracker.domain.sqlite import make_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flask import Flask
    from flask_socketio import SocketIOTestClient
    from manifest.makers import Doc

    from swarmshare.tracker.services import Services

PASSWORD = "correct horse"
P = ParamSpec("P")
T = TypeVar("T")


class Clock:
    """Time that passes when it is told to, and what is to be done in it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def __call__(self) -> float:
        return self.now

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        heappush(self._due, (self.now + seconds, next(self._order), call))

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            self.now, _, call = heappop(self._due)
            call()
        self.now = end

    def leap(self, seconds: float) -> None:
        """Let time pass at once, as for a machine that slept: whatever was due meanwhile is done late, and once."""
        self.now += seconds
        late = [heappop(self._due) for _ in range(sum(due <= self.now for due, _, _ in self._due))]
        for _, _, call in late:
            call()


class Person(NamedTuple):
    """Somebody who has signed in."""

    name: str
    account: int
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class Work:
    """Does long computations in this thread; what other requests do meanwhile is said before."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], object] | None = None
        """Runs once, before the next one is done."""

    def __call__(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return work(*args, **kwargs)


@dataclass
class Tracker:
    """A tracker in this process."""

    app: Flask
    clock: Clock
    organiser: Person
    work: Work

    @property
    def services(self) -> Services:
        services: Services = self.app.extensions[EXTENSION]
        return services

    @property
    def http(self) -> Any:
        return self.app.test_client()  # its answers may have no JSON, in types; here they must

    def ask(self, method: str, path: str, who: Person | None = None, **arguments: Any) -> Any:
        headers = {**(who.headers if who else {}), **arguments.pop("headers", {})}
        response = self.http.open(f"/api/v1{path}", method=method, headers=headers, **arguments)
        assert str(response.headers).isascii(), "a header that no server could send"
        return response

    def get(self, path: str, who: Person | None = None) -> Any:
        response = self.ask("GET", path, who)
        assert response.status_code == 200, response.text
        return response.json

    def invite(self) -> str:
        response = self.ask("POST", "/invitations", self.organiser, json={})
        assert response.status_code == 201, response.text
        secret: str = response.json["secret"]
        return secret

    def join(self, name: str) -> Person:
        return person(
            self.ask("POST", "/accounts", json={"name": name, "password": PASSWORD, "invitation": self.invite()})
        )

    def publish(self, who: Person, doc: Doc | bytes | None = None) -> Any:
        data = encoded(good_doc() if doc is None else doc)
        return self.ask("POST", "/catalogue", who, data=data, content_type="application/x-bittorrent")

    def watch(self, who: Person) -> SocketIOTestClient:
        return self.services.socketio.test_client(self.app, namespace="/live", auth={"token": who.token})

    def state(self) -> dict[str, Any]:
        """All that is kept, to see that nothing has changed."""
        exchange = self.services.exchange
        return {
            "accounts": exchange.export_accounts(secrets=True),
            "catalogue": b"".join(exchange.export_catalogue()),
            "settings": self.services.accounts.settings(),
            "invitations": self.services.invitations.listed(),
            "tokens": self.services.sessions.listed(self.organiser.account, 0),
        }


def person(response: Any) -> Person:
    assert response.status_code == 201, response.text
    account = response.json["account"]
    return Person(account["name"], account["id"], response.json["token"]["secret"])


def problem(response: Any) -> tuple[int, str, str | None]:
    """Status, code and field of a refusal."""
    assert set(response.json) == {"code", "message", "text", "field"}, response.text
    message, text = response.json["message"], response.json["text"]
    read = read_text(message, text)
    assert (read, read.code) == (message, text["code"]), "a window could not translate it"
    assert response.json["message"]
    return response.status_code, response.json["code"], response.json["field"]


@cache
def _new_database() -> bytes:
    """A database as the migrations leave it. They run once for all: it is they that take the longest in a start."""
    with TemporaryDirectory() as folder:
        Database(None, Path(folder)).close()
        return (Path(folder) / FILE_NAME).read_bytes()


def make_database(folder: Path) -> None:
    """Give a tracker that starts in ``folder`` a database as its first start leaves it, if there is none."""
    file = folder / FILE_NAME
    if not file.exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        make_file(file)
        file.write_bytes(_new_database())


@contextmanager
def tracker_in(folder: Path, **settings: Any) -> Iterator[Tracker]:
    """A tracker whose organiser is called Olga."""
    clock = Clock()
    make_database(folder)
    config = TrackerConfig(data=folder, **{"password_memory": 2**16, **settings})
    work = Work()
    app = create_app(config, clock=clock, monotonic=clock, later=clock.later, offload=work)
    tracker = Tracker(app, clock, Person("", 0, ""), work)
    try:
        setup_token = tracker.services.accounts.new_setup_token()
        body = {"name": "Olga", "password": PASSWORD, "setup_token": setup_token}
        tracker.organiser = person(tracker.ask("POST", "/accounts", json=body))
        yield tracker
    finally:
        tracker.services.close()


class Server:
    """A tracker as a process, on a port of its own choice; ``before`` is a program that becomes it.

    It finds a database that has nobody in it, unless it is ``bare``: then it is to make its folder and all itself.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        listen: str = "127.0.0.1:0",
        before: Sequence[str] = (),
        bare: bool = False,
    ) -> None:
        if not bare:
            make_database(folder)
        self.process = subprocess.Popen(
            [
                *before, sys.executable, "-X", "dev", "-W", "error", "-m", "swarmshare",
                "tracker", "--json", "--listen", listen, "--data", str(folder), *options,
            ],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "SWARMSHARE_HOME": str(folder)},
        )  # fmt: skip
        self.events: dict[str, dict[str, Any]] = {}
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            self.events[event["event"]] = event
            if event["event"] == "listening":
                break
        else:
            raise AssertionError(f"it does not listen: {self.process.communicate(timeout=TIMEOUT)}")

    @property
    def address(self) -> str:
        address: str = self.events["listening"]["address"]
        return address

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; returns the exit status, and all that was said on standard error."""
        self.process.send_signal(number)
        _, error = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, error


@contextmanager
def open_server(folder: Path) -> Iterator[Server]:
    """A tracker where anybody may register; it ends in peace."""
    server = Server(folder, "--registration", "open")
    try:
        yield server
    finally:
        server.process.terminate()
        _, error = server.process.communicate(timeout=TIMEOUT)
    assert "Traceback" not in error
