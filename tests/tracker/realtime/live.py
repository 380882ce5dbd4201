"""Real peers for tests: python-socketio's client and the view it makes of a swarm; and the process that serves them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import socketio
from tracker.realtime.view import SwarmView
from waiting import TIMEOUT

from swarmshare.common.bits import runs_of_bits
from swarmshare.schema.tracker_events import NAMESPACE, PUSH, HaveUpdate, Join, Leave, Resync
from swarmshare.schema.tracker_wire import dump_request, parse_answer, parse_push, parse_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from swarmshare.schema.tracker_events import JoinAnswer, Push, SwarmRequest

SMALL = bytes(range(32))
HUGE = bytes(range(100, 132))
ENTRIES = {SMALL: 200, HUGE: 2**21, **{bytes([number]) * 32: 8 for number in range(3)}}


class Serving:
    """A process of ``serving.py``."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> Any:
        with urlopen(self.url + path, timeout=TIMEOUT) as response:
            return json.load(response)

    def swarm(self, info_hash: bytes) -> Any:
        return self.get(f"/swarm/{info_hash.hex()}")


@contextmanager
def serving(*, ping_interval: float = 25, ping_timeout: float = 20, **settings: int) -> Iterator[Serving]:
    names = [f"user{number}" for number in range(1, 31)]
    entries = {info_hash.hex(): count for info_hash, count in ENTRIES.items()}
    options = {
        "names": names,
        "entries": entries,
        "ping_interval": ping_interval,
        "ping_timeout": ping_timeout,
        "settings": settings,
    }
    script = Path(__file__).with_name("serving.py")
    command = [sys.executable, str(script), json.dumps(options)]
    paths = [str(script.parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            yield Serving(json.loads(process.stdout.readline())["port"])
        finally:
            process.terminate()


class LivePeer:
    """One connection and, of one swarm, the view."""

    def __init__(
        self, server: Serving, name: str = "user1", *, info_hash: bytes = SMALL, polling: bool = False
    ) -> None:
        self.server, self.name, self.info_hash = server, name, info_hash
        self.count = ENTRIES[info_hash]
        self.peer_id = name.encode().ljust(20)
        self.view = SwarmView(self.count)
        self.number = 0
        self.resyncs = 0
        self.lose = 0  # so many of the next pushes
        self._pushes: dict[tuple[int, int], Push] = {}
        self._epoch = -1  # of the last push
        self._changed = threading.Condition()
        self._transports = None if polling else ["websocket"]
        self.connect()

    def connect(self) -> None:
        # Each handler runs in a thread of its own, so pushes may come in another order than they were sent in.
        self.io = socketio.Client(reconnection=False, handle_sigint=False)
        self.io.on(PUSH, self._on_push, namespace=NAMESPACE)
        self.io.connect(
            self.server.url,
            auth={"token": f"token of {self.name}"},
            namespaces=[NAMESPACE],
            transports=self._transports,
            wait_timeout=TIMEOUT,
        )

    def ask(self, request: SwarmRequest) -> Any:
        event, wire = dump_request(request)
        return self.call(event, wire)

    def call(self, event: Any, *data: Any) -> Any:
        return self.io.call(event, data if len(data) != 1 else data[0], namespace=NAMESPACE, timeout=TIMEOUT)

    def join(self, bitfield: bytes | None = None) -> JoinAnswer:
        pieces = bytes(-(-self.count // 8)) if bitfield is None else bitfield
        return self._renew(Join(self.info_hash, self.peer_id, 6881, self.count, pieces, 0))

    def resync(self) -> JoinAnswer:
        return self._renew(Resync(self.info_hash))

    def have(self, gained: set[int], lost: set[int], *, wait: bool = True) -> None:
        event, wire = dump_request(HaveUpdate(self.info_hash, self._runs(gained), self._runs(lost)))
        if wait:
            parse_answer(event, self.call(event, wire))
        else:
            self.io.emit(event, wire, namespace=NAMESPACE)

    def leave(self) -> None:
        parse_answer("leave", self.ask(Leave(self.info_hash)))

    def drop(self) -> None:
        """As when a cable is pulled, but noticed at once: the socket ends, and nobody says goodbye."""
        websocket = self.io.eio.ws
        with suppress(OSError):
            websocket.sock.shutdown(2)
        self.io.eio.wait()
        websocket.shutdown()

    def close(self) -> None:
        with suppress(Exception):
            self.io.disconnect()

    def until(self, condition: Callable[[SwarmView], object]) -> None:
        """Wait for the view to be so, asking for a resync when something was missed."""
        end = monotonic() + TIMEOUT
        while True:
            with self._changed:
                # What is missing may be on its way in another thread, so a gap counts when it lasts.
                if self._changed.wait_for(lambda: condition(self.view) and not self._behind(), 0.5):
                    return
                behind = self._behind()
            assert monotonic() < end, (self.view.epoch, self.view.seq, self.view.members)
            if behind:
                self.resync()
                self.resyncs += 1

    def _behind(self) -> bool:
        view = self.view
        return self._epoch != view.epoch or any(key > (view.epoch, view.seq) for key in self._of_epoch())

    def _of_epoch(self) -> list[tuple[int, int]]:
        return [key for key in self._pushes if key[0] == self.view.epoch]

    def _renew(self, request: SwarmRequest) -> JoinAnswer:
        state = parse_state(self.ask(request), self.count)
        with self._changed:
            self.number = state.member
            self._epoch = state.epoch
            self.view.reset(state)  # pushes that came before this answer may be later than it: they are still there
            self._apply()
        return state

    def _on_push(self, data: Any) -> None:
        push = parse_push(data, ENTRIES.__getitem__)
        with self._changed:
            if self.lose:
                self.lose -= 1
            elif push.info_hash == self.info_hash:
                self._pushes[push.epoch, push.seq] = push
                self._epoch = push.epoch
            self._apply()

    def _apply(self) -> None:
        while push := self._pushes.get((self.view.epoch, self.view.seq + 1)):
            assert self.view.apply(push)
        for key in list(self._pushes)[:-100]:
            del self._pushes[key]
        self._changed.notify_all()

    def _runs(self, pieces: set[int]) -> tuple[range, ...]:
        spare = -self.count % 8
        return runs_of_bits(sum(1 << (self.count - 1 - piece + spare) for piece in pieces), self.count)


@contextmanager
def peers(server: Serving, count: int, **options: Any) -> Iterator[list[LivePeer]]:
    made: list[LivePeer] = []
    try:
        for number in range(1, count + 1):
            peer = LivePeer(server, f"user{number}", **options)
            made.append(peer)
        yield made
    finally:
        for peer in made:
            peer.close()
