"""The Socket.IO namespace ``/swarm``, for connected peers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from flask_socketio import ConnectionRefusedError, Namespace
from sqlalchemy.exc import SQLAlchemyError

from swarmshare.schema.fields import EventError
from swarmshare.schema.text_wire import dump_text
from swarmshare.schema.tracker_events import (
    NAMESPACE,
    PUSH,
    FindPeers,
    HaveUpdate,
    Join,
    Leave,
    ListMembers,
    Refusal,
    ReportMember,
    Resync,
    Stats,
    SwarmRequest,
)
from swarmshare.schema.tracker_wire import (
    Wire,
    dump_error,
    dump_page,
    dump_peers,
    dump_push,
    dump_state,
    parse_request,
    parse_token,
)
from swarmshare.texts import Text
from swarmshare.tracker.domain.database_problem import problem_of
from swarmshare.tracker.swarms.addresses import parse_address
from swarmshare.tracker.swarms.live_members import LiveMembers

if TYPE_CHECKING:
    from flask_socketio import SocketIO

    from swarmshare.schema.tracker_events import Push
    from swarmshare.tracker.domain.lookup import Lookup
    from swarmshare.tracker.swarms.registry import SwarmRegistry

_COSTS: Final = {"join": 5, "resync": 5, "peers": 5, "members": 5}
"""Units of the connection's allowance; other events cost 1."""

_log = logging.getLogger(__name__)


def register(socketio: SocketIO, registry: SwarmRegistry, directory: Lookup) -> None:
    """Add the namespace to ``socketio``, and let the ``registry`` push through it."""
    namespace = SwarmNamespace(registry, directory)
    registry.attach(namespace)
    socketio.on_namespace(namespace)


class SwarmNamespace(Namespace):  # type: ignore[misc]
    """Turns events into calls, and pushes into events.

    It is the :class:`~swarmshare.tracker.swarms.registry.PushChannel` of a tracker. A member's life over a connection:

    =============  ===================================================  ==========================================
    state          event                                                next state
    =============  ===================================================  ==========================================
    connecting     ``connect`` with a valid token                       signed in; else the connection is refused
    signed in      ``join``                                             member of that swarm
    member         ``join``, ``have``, ``stats``, ``resync``, ...       member
    member         ``leave``; expired; displaced; the entry withdrawn   signed in
    any            disconnect; :meth:`cut` of the account               over, in no swarm
    =============  ===================================================  ==========================================
    """

    def __init__(self, registry: SwarmRegistry, directory: Lookup) -> None:
        super().__init__(NAMESPACE)
        self._members = LiveMembers(registry, directory)
        self._directory = directory

    def trigger_event(self, event: object, *args: Any) -> Wire | None:
        """Handle whatever Socket.IO tells of, and return the acknowledgement.

        Flask-SocketIO would make a Flask request of every event, which takes longer than most events. And a peer may
        give its own events any name, those of Socket.IO's own included: these count only when they are real.
        """
        session, *data = args
        if event == "connect" and data and data[0] is self.server.get_environ(session, NAMESPACE):
            self._connect(session, *data)
        elif event == "disconnect" and not self.server.manager.is_connected(session, NAMESPACE):
            self._members.disconnect(session)
        else:
            return self._answer(session, event, data)
        return None

    def push(self, told: Push) -> None:
        """Send an event to all connected members of its swarm."""
        self.server.emit(PUSH, dump_push(told), room=told.info_hash.hex(), namespace=NAMESPACE)

    def release(self, session: str, info_hash: bytes) -> None:
        """End what ``session`` hears of a swarm, whose member it is no more."""
        self._members.released(session, info_hash)
        self.server.leave_room(session, info_hash.hex(), namespace=NAMESPACE)

    def cut(self, account: int) -> None:
        """End the connections of an account; a peer's library closes the socket then."""
        for session in self._members.of_account(account):
            self.server.disconnect(session, namespace=NAMESPACE)

    def _connect(self, session: str, environ: dict[str, Any], auth: object) -> None:
        try:
            token = parse_token(auth)
            identity = self._directory.identify(token)
            suspended = identity is None and self._directory.is_suspended(token)
        except EventError as error:
            raise _refused(error) from None
        except SQLAlchemyError as error:
            if (problem := problem_of(error)) is None:
                raise
            raise _refused(EventError(Refusal.INTERNAL, problem.sentence)) from None
        if suspended:
            raise _refused(EventError(Refusal.SUSPENDED, Text("account.suspended")))
        if identity is None:
            raise _refused(EventError(Refusal.SIGNED_OUT, Text("token.invalid")))
        address = parse_address(environ.get("REMOTE_ADDR", ""))
        if address is None:
            raise _refused(EventError(Refusal.MALFORMED, Text("event.no-address")))
        _log.debug("account %d connects from %s", identity.account, address)
        self._members.connect(session, identity, address)

    def _answer(self, session: str, event: object, data: list[Any]) -> Wire:
        try:
            self._members.spend(session, _COSTS.get(event, 1) if isinstance(event, str) else 1)
            request = parse_request(event, data[0] if len(data) == 1 else None)
            return self._do(session, request)
        except EventError as error:
            return dump_error(error)
        except Exception as error:
            if isinstance(error, SQLAlchemyError) and (problem := problem_of(error)):
                return dump_error(EventError(Refusal.INTERNAL, problem.sentence))
            _log.exception("the tracker made a mistake with %s", event)
            return dump_error(EventError(Refusal.INTERNAL, Text("tracker.mistake")))

    def _do(self, session: str, request: SwarmRequest) -> Wire:
        members = self._members
        match request:
            case HaveUpdate():
                members.have(session, request)
            case Stats():
                members.stats(session, request)
            case Join():
                state = members.join(session, request)
                self.server.enter_room(session, request.info_hash.hex(), namespace=NAMESPACE)
                return dump_state(state)
            case Resync():
                return dump_state(members.state(session, request.info_hash))
            case FindPeers():
                return dump_peers(members.more_peers(session, request))
            case ListMembers():
                return dump_page(members.members(session, request))
            case ReportMember():
                members.report(session, request)
            case Leave():
                members.leave(session, request.info_hash)
                self.server.leave_room(session, request.info_hash.hex(), namespace=NAMESPACE)
        return {}


def _refused(error: EventError) -> ConnectionRefusedError:
    return ConnectionRefusedError(str(error), {"error": str(error.reason), "text": dump_text(error.message)})
