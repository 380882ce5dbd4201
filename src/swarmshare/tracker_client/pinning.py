"""The first time at a tracker: its identity is asked for, compared with a group link or by a person, and pinned.

What a tracker says of its identity proves itself: its hash is the group id. Whether the server has that identity's key
shows at the next connection, which believes nothing else. So nothing secret is sent before both are known.
"""

from __future__ import annotations

import json
import ssl
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from swarmshare.errors import TrackerError
from swarmshare.identity.certificates import MAX_PEM, IdentityError
from swarmshare.identity.group_id import GroupId
from swarmshare.identity.tls import tracker_context
from swarmshare.texts import Text, about
from swarmshare.tracker_client.dial import dial
from swarmshare.tracker_client.failures import IDENTITY, changed_identity, failure
from swarmshare.tracker_client.http import TIMEOUT, Answer, Connection
from swarmshare.tracker_client.polling import Requests
from swarmshare.tracker_client.trust import pin, pinned_group

if TYPE_CHECKING:
    from swarmshare.identity.group_link import GroupLink


class Presented(NamedTuple):
    """The identity of a tracker, which is its own: it has the key."""

    group: GroupId
    authority: bytes
    """Its certificate in PEM form."""


def presented_identity(tracker: str) -> Presented:
    """Return the identity that the server at ``tracker`` (``https://host:port``) presents and has the key of.

    Nothing but the question is sent. Whether it is the right one, a person has to say. Raises :class:`TrackerError`.
    """
    authority = _claimed(tracker)
    try:
        group = GroupId.of(authority)
        proving = tracker_context(authority)
    except (IdentityError, ssl.SSLError) as error:
        raise TrackerError("not-a-tracker", about(tracker, Text("tracker.no-identity"))) from error
    with Connection(tracker, tls=proving) as connection:
        connection.ask("GET", "/api/v1/identity")
    return Presented(group, authority)


def _claimed(tracker: str) -> bytes:
    """Return the authority that a server which proves nothing says to be of."""
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    try:
        with closing(Requests(lambda: dial(tracker, TIMEOUT, unverified))) as requests:
            reply = requests.ask("GET", f"{tracker}/api/v1/identity", {}, None, TIMEOUT, 2 * MAX_PEM)
    except (OSError, UnicodeError) as error:
        rule, what, hint = failure(tracker, error, TIMEOUT)
        raise TrackerError(rule, about(tracker, Text("tracker.unreachable", reason=what)), hint=hint) from error
    try:
        return Answer(json.loads(reply.content)).text("authority").encode("ascii", "replace")
    except (ValueError, RecursionError, TrackerError) as error:
        raise TrackerError("not-a-tracker", about(tracker, Text("tracker.no-identity"))) from error


def pin_group(link: GroupLink, *, replace: bool = False) -> None:
    """Make sure that the group of ``link`` is pinned at its tracker, which proves that it is that one.

    With ``replace`` another group that was known there is forgotten, which only a person may want.

    Raises :class:`TrackerError`: of rule ``identity`` when another group is known there, or is there now.
    """
    known = pinned_group(link.tracker)
    if known == link.group:
        return
    if known is not None and not replace:
        rule, what, hint = changed_identity(known)
        raise TrackerError(rule, about(link.tracker, what), hint=hint)
    found = presented_identity(link.tracker)
    if found.group != link.group:
        what = Text("tracker.other-group", group=found.group)
        raise TrackerError(IDENTITY, about(link.tracker, what), hint=Text("hint.other-group"))
    pin(link.tracker, found.authority)
