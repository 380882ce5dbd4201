"""The Socket.IO namespace ``/live``: what changes in the catalogue and in its swarms, for windows and web pages.

A watcher connects with ``auth`` ``{"token": text}``, fetches the catalogue over HTTP, and from then on is told:

* ``published``: an :class:`~swarmshare.tracker.domain.values.EntryView`, as the HTTP API has it;
* ``withdrawn``: ``{"info_hash": hex}``;
* ``swarms``: a list of ``{"info_hash": hex, "seeds": int, "peers": int, "copies": int}``, at most once a second.

Each is final, so it does no harm when the catalogue that was fetched has it already. A watcher sends nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import msgspec
from flask_socketio import ConnectionRefusedError, Namespace

from swarmshare.schema.fields import EventError
from swarmshare.schema.text_wire import dump_text
from swarmshare.schema.tracker_events import LIVE, Refusal
from swarmshare.schema.tracker_wire import parse_token
from swarmshare.texts import Text
from swarmshare.tracker.domain.refusals import Reason, RefusalError
from swarmshare.tracker.swarms.pacing import Pacer

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.tracker.domain import values
    from swarmshare.tracker.domain.directory import Directory
    from swarmshare.tracker.domain.lookup import SwarmCounts

INTERVAL: Final = 1.0
"""Seconds between two ``swarms``."""
MAX_WATCHERS: Final = 20
"""Most watchers of one account: as many windows as one may reasonably have open."""
MAX_PUSHED: Final = 1_000
"""Most swarms in one ``swarms``; the rest is told a second later."""


class LiveNamespace(Namespace):  # type: ignore[misc]  # Flask-SocketIO has no types
    """Tells watchers what changed. It listens to the tracker's changes."""

    def __init__(
        self,
        directory: Directory,
        counts: Callable[[bytes], SwarmCounts],
        later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        """Start; ``counts`` tells how the swarm with a full info hash is, and ``later`` calls after so many seconds."""
        super().__init__(LIVE)
        self._directory = directory
        self._counts = counts
        self._accounts: dict[str, int] = {}
        self._changed: dict[bytes, None] = {}
        self._pacer: Pacer[None] = Pacer(INTERVAL, later, lambda _: self._tell_swarms())

    def trigger_event(self, event: object, *args: Any) -> None:
        """Handle whatever Socket.IO tells of. A watcher may give its own events the names of Socket.IO's."""
        session, *data = args
        if event == "connect" and data and data[0] is self.server.get_environ(session, LIVE):
            self._connect(session, data[1] if len(data) > 1 else None)
        elif event == "disconnect" and not self.server.manager.is_connected(session, LIVE):
            self._accounts.pop(session, None)

    def _connect(self, session: str, auth: object) -> None:
        try:
            account = self._directory.holder(parse_token(auth)).identity.account
        except (EventError, RefusalError) as error:
            suspended = isinstance(error, RefusalError) and error.reason is Reason.SUSPENDED
            refusal = Refusal.SUSPENDED if suspended else Refusal.SIGNED_OUT
            data = {"error": str(refusal), "text": dump_text(error.message)}
            raise ConnectionRefusedError(str(error), data) from None
        if Counter(self._accounts.values())[account] >= MAX_WATCHERS:
            message = Text("event.too-many-watchers")
            raise ConnectionRefusedError(str(message), {"error": "too-many", "text": dump_text(message)})
        self._accounts[session] = account

    def swarm_changed(self, info_hash: bytes) -> None:
        """Tells of this swarm when it is time, at most once in :data:`INTERVAL` seconds."""
        if self._accounts:
            self._changed[info_hash] = None
            self._pacer.want(None)

    def accounts_changed(self) -> None:
        """Do nothing: watchers are cut in :meth:`account_cut`."""

    def account_cut(self, account: int) -> None:
        """Cuts every watcher that is connected for ``account``."""
        for sid in [sid for sid, watcher in self._accounts.items() if watcher == account]:
            self.server.disconnect(sid, namespace=LIVE)

    def published(self, entry: values.EntryView) -> None:
        """Tells all watchers of a new entry."""
        self.emit("published", msgspec.to_builtins(entry))

    def withdrawn(self, info_hash: bytes) -> None:
        """Tells all watchers that an entry is gone."""
        self.emit("withdrawn", {"info_hash": info_hash.hex()})

    def _tell_swarms(self) -> None:
        told = list(self._changed)[:MAX_PUSHED]
        for info_hash in told:
            del self._changed[info_hash]
        if self._changed:
            self._pacer.want(None)
        summaries = [self._summary_of(info_hash) for info_hash in told if self._directory.entry(info_hash)]
        if summaries:  # what is not in the catalogue (any more) is nobody's to watch
            self.emit("swarms", summaries)

    def _summary_of(self, info_hash: bytes) -> dict[str, str | int]:
        swarm = self._counts(info_hash)
        return {"info_hash": info_hash.hex(), "seeds": swarm.seeds, "peers": swarm.peers, "copies": swarm.copies}
