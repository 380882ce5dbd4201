"""Which server is believed to be which tracker (TLS): one policy for the API, live connections and announces.

Where a group's authority was pinned, that one is believed and nothing else. Elsewhere it is the authorities of the
public web, and the one that ``--ca`` names.
"""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import certifi

from swarmshare.errors import TrackerError
from swarmshare.identity.group_id import GroupId
from swarmshare.identity.tls import tracker_context
from swarmshare.storage.home import swarmshare_home
from swarmshare.storage.pins import Pins
from swarmshare.texts import Text, about, os_reason

if TYPE_CHECKING:
    from pathlib import Path

_INSTEAD: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name the authorities to believe, in place of those that this machine knows."""
_HTTPS: Final = 443
_own: list[str] = []
"""The file of a group's own authority, to believe as well."""


def trust(ca: Path | None) -> None:
    """Trusts the certificates in the PEM file ``ca``, too, from now on; None: only those that are known anyway."""
    _own[:] = [] if ca is None else [str(ca)]


def context(url: str) -> ssl.SSLContext:
    """Return what checks the certificate of the server of ``url``.

    Raises :class:`TrackerError` or :class:`~swarmshare.errors.StorageError` for a file that cannot be used.
    """
    if (authority := pinned(url)) is not None:
        return _pinned_context(authority)
    return _context(tuple(_own), tuple(os.environ.get(name, "") for name in _INSTEAD))


def pinned(url: str) -> bytes | None:
    """Return the authority, in PEM form, that is pinned for the server of ``url``; None where there is none."""
    return Pins(swarmshare_home()).load(_place(url))


def pinned_group(url: str) -> GroupId | None:
    """Return the id of the group that must be at ``url``; None where any may be."""
    authority = pinned(url)
    return GroupId.of(authority) if authority is not None else None


def pin(url: str, authority: bytes) -> None:
    """Believe nothing but ``authority`` (PEM) at the server of ``url`` from now on.

    Raises :class:`~swarmshare.errors.StorageError`.
    """
    Pins(swarmshare_home()).save(_place(url), authority)


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname or ''}:{parts.port or _HTTPS}"


@lru_cache(maxsize=8)
def _pinned_context(authority: bytes) -> ssl.SSLContext:
    return tracker_context(authority)


@lru_cache(maxsize=8)
def _context(own: tuple[str, ...], instead: tuple[str, ...]) -> ssl.SSLContext:
    named = [(name, path) for name, paths in zip(_INSTEAD, instead, strict=True) for path in paths.split(os.pathsep)]
    if named := [(name, path) for name, path in named if path]:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        made = ssl.create_default_context()
        made.load_verify_locations(certifi.where())  # a system may know none
    for source, path in (*named, *((Text("tracker.ca-source"), path) for path in own)):
        try:
            made.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
        except ssl.SSLError as error:
            raise _unusable(source, path, Text("tracker.no-pem")) from error
        except OSError as error:
            raise _unusable(source, path, os_reason(error)) from error
    return made


def _unusable(source: str, path: str, why: Text) -> TrackerError:
    return TrackerError("ca", about(path, why), hint=Text("hint.ca", source=source))
