"""Group links: ``swarmshare://HOST:PORT/GROUPID?invite=CODE``, one string that leads to a tracker and proves it.

It comes from wherever somebody pasted it, so each part is checked, and each mistake has one line that says what to do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from swarmshare.common.address import parse_ip, read_address, show_address
from swarmshare.common.sizes import shown
from swarmshare.identity.certificates import IdentityError
from swarmshare.identity.group_id import GroupId
from swarmshare.texts import Text

SCHEME: Final = "swarmshare://"
MAX_LINK: Final = 600
"""Characters: a name of 253, an id of 63, a code of 128, and what is between."""

_LINK: Final = re.compile(r"([^/?#]+)/([^/?#]+)/?(?:\?([^?#]*))?")
_NAME: Final = re.compile(r"(?!-)[0-9a-z_-]{1,63}(?:\.(?!-)[0-9a-z_-]{1,63})*\.?")
_CODE: Final = re.compile(r"[0-9A-Za-z_-]{1,128}")


@dataclass(frozen=True)
class GroupLink:
    """Where a group's tracker is, which group it must be, and perhaps an invitation to it."""

    host: str
    """A name in lower case, or an IP address without brackets."""
    port: int
    group: GroupId
    invite: str | None = None
    """The code of an invitation."""

    @property
    def tracker(self) -> str:
        """The address of the tracker as the rest of the program has it: ``https://host:port``."""
        return f"https://{show_address(self.host, self.port)}"

    def __str__(self) -> str:
        invite = f"?invite={self.invite}" if self.invite is not None else ""
        return f"{SCHEME}{show_address(self.host, self.port)}/{self.group}{invite}"


def is_group_link(text: str) -> bool:
    """Whether ``text`` is meant as a group link, by its scheme; it may be wrong all the same."""
    return text.strip()[: len(SCHEME)].lower() == SCHEME


def parse_group_link(text: str) -> GroupLink:
    """Return the parts of a group link. Raises :class:`IdentityError` with a sentence for the user."""
    link = text.strip()
    match = _LINK.fullmatch(link[len(SCHEME) :]) if is_group_link(link) and len(link) <= MAX_LINK else None
    if match is None:
        raise IdentityError(Text("identity.group-link", text=shown(text)), hint=Text("hint.group-link"))
    where, group, query = match.groups()
    try:
        host, port = read_address(where.lower(), least_port=1)
    except ValueError:
        host, port = "", 0
    ip = parse_ip(host)
    if ip is not None and "%" not in host and (":" in host) == where.startswith("["):  # else what is the port?
        host = str(ip)
    elif not _NAME.fullmatch(host) or len(host) > 253:
        raise IdentityError(Text("identity.link-address", text=shown(where)), hint=Text("hint.group-link"))
    return GroupLink(host, port, GroupId.parse(group), _invitation(query))


def _invitation(query: str | None) -> str | None:
    """Return the code of an invitation; None for no query. What else a later version may say there is not for us."""
    codes = [value for name, _, value in (part.partition("=") for part in (query or "").split("&")) if name == "invite"]
    if not codes:
        return None
    if len(codes) > 1 or not _CODE.fullmatch(codes[0]):
        raise IdentityError(Text("identity.link-invite"), hint=Text("hint.group-link"))
    return codes[0]
