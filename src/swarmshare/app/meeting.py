"""The first time at a tracker: what somebody pasted (a group link, an address) decides how it proves who it is.

What talks TLS is imported where it is needed: it takes longer to load than most verbs take to run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from swarmshare.common.address import is_loopback
from swarmshare.errors import TrackerError
from swarmshare.identity.group_link import is_group_link, parse_group_link
from swarmshare.texts import Text, about

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.identity.group_id import GroupId


class Met(NamedTuple):
    """A tracker to sign in at."""

    tracker: str
    """Its address, ``http(s)://host[:port][/path]``."""
    invitation: str | None
    """The code of an invitation, if a group link had one."""


def meet(text: str, agrees: Callable[[str, GroupId], bool], *, new_identity: bool = False) -> Met:
    """Return the tracker that ``text`` leads to, after its identity was pinned where it has one of its own.

    A group link proves it. ``HOST:PORT`` alone, or an ``https://`` address with a certificate that the public web does
    not vouch for, takes a person's word, once, as with ssh. An ``http://`` address, and an address on this machine,
    prove nothing, and are taken as they are; ``HOST:PORT`` never stands for one without TLS on another machine.

    Args:
        text: What somebody pasted.
        agrees: Asked with the address and the group that it says to be: whether a person says yes.
        new_identity: A person said that another identity than the known one is right; only a group link can be.

    Raises:
        IdentityError: It is a group link, with a mistake in it.
        TrackerError: The tracker has another identity, or cannot be reached.
    """
    from swarmshare.tracker_client.http import what_answers
    from swarmshare.tracker_client.pinning import pin_group, presented_identity
    from swarmshare.tracker_client.trust import pin

    if is_group_link(text):
        link = parse_group_link(text)
        pin_group(link, replace=new_identity)
        return Met(link.tracker, link.invite)
    address = known_address(text)
    if address.startswith("https:"):
        if _is_pinned(address) or what_answers(address) is None:
            return Met(address, None)
        try:
            found = presented_identity(address)
        except TrackerError:
            return Met(address, None)  # what is wrong with its certificate, the sign-in tells
    else:
        parts = urlsplit(address)
        if "://" in text or parts.port is None or is_loopback(parts.hostname or ""):
            return Met(address, None)
        address = f"https://{address.partition('://')[2]}"
        found = presented_identity(address)  # without TLS there, whoever is in between might have taken it away
    if not agrees(address, found.group):
        what = Text("tracker.not-believed", group=found.group)
        raise TrackerError("identity", about(address, what), hint=Text("hint.group-link-instead"))
    pin(address, found.authority)
    return Met(address, None)


def known_address(text: str) -> str:
    """Return the address of the tracker that ``text`` means: a group link, a URL, or ``HOST:PORT``.

    Of ``HOST:PORT`` where an identity is pinned, it is the one over TLS. Raises :class:`TrackerError` for none, and
    :class:`~swarmshare.identity.certificates.IdentityError` for a group link with a mistake.
    """
    from swarmshare.tracker_client.http import tracker_url

    if is_group_link(text):
        return parse_group_link(text).tracker
    address = tracker_url(text)
    if "://" not in text:
        secure = f"https://{address.partition('://')[2]}"
        if _is_pinned(secure):
            return secure
    return address


def _is_pinned(address: str) -> bool:
    from swarmshare.tracker_client.trust import pinned

    return pinned(address) is not None
