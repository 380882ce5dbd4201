"""A tracker with only the namespace of connected peers, as a process: tests can have many, and break them."""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import random  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

import gevent  # noqa: E402
from flask import Flask  # noqa: E402
from flask_socketio import SocketIO  # noqa: E402
from gevent.event import Event  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402
from tracker.realtime.serving_directory import Fixed  # noqa: E402

from swarmshare.tracker.client_handler import ClientHandler  # noqa: E402
from swarmshare.tracker.realtime import swarm_namespace  # noqa: E402
from swarmshare.tracker.realtime.transport import use_for  # noqa: E402
from swarmshare.tracker.swarms.registry import SwarmRegistry, SwarmSettings  # noqa: E402
from swarmshare.tracker.swarms.store.memory import MemorySwarmStore  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator


def main(directory: Fixed, ping_interval: float, ping_timeout: float, settings: SwarmSettings) -> None:
    app = Flask("serving")
    socketio = SocketIO(app, async_mode="gevent", ping_interval=ping_interval, ping_timeout=ping_timeout)
    store = MemorySwarmStore(random.Random(), time.monotonic)
    registry = SwarmRegistry(
        store,
        clock=time.monotonic,
        later=gevent.spawn_later,
        rng=random.Random(),
        settings=settings,
    )
    swarm_namespace.register(socketio, registry, directory)
    use_for(socketio)

    @app.get("/swarm/<info_hash>")
    def swarm(info_hash: str) -> dict[str, Any]:
        """What the store has, for comparison."""
        snapshot = store.snapshot(bytes.fromhex(info_hash))
        if snapshot is None:
            return {}
        members = {m.number: [m.user, m.pieces.hex() if m.pieces is not None else None] for m in snapshot.members}
        return {**snapshot._asdict(), "availability": snapshot.availability.hex(), "members": members}

    @app.get("/cut/<int:account>")
    def cut(account: int) -> dict[str, Any]:
        registry.disconnect_account(account)
        return {}

    @app.get("/sessions")
    def sessions() -> dict[str, Any]:
        return {"engine": len(socketio.server.eio.sockets), "greenlets": sum(1 for _ in _greenlets())}

    def _greenlets() -> Iterator[object]:
        import gc

        return (thing for thing in gc.get_objects() if isinstance(thing, gevent.Greenlet) and not thing.dead)

    server = WSGIServer(("127.0.0.1", 0), app, log=None, error_log=None, handler_class=ClientHandler)
    server.start()
    stop = Event()
    gevent.signal_handler(signal.SIGTERM, stop.set)
    print(json.dumps({"port": server.server_port}), flush=True)
    stop.wait()


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    main(
        Fixed(options["names"], options["entries"]),
        options["ping_interval"],
        options["ping_timeout"],
        SwarmSettings(**options["settings"]),
    )
