"""Certificate authorities of this process (TLS): the same for the API, live connections and announces."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import certifi

from swarmshare.errors import TrackerError
from swarmshare.texts import Text, about, os_reason

if TYPE_CHECKING:
    from pathlib import Path

_INSTEAD: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name the authorities to believe, in place of those that this machine knows."""
_own: list[str] = []
"""The file of a group's own authority, to believe as well."""


def trust(ca: Path | None) -> None:
    """Trusts the certificates in the PEM file ``ca``, too, from now on; None: only those that are known anyway."""
    _own[:] = [] if ca is None else [str(ca)]


def context() -> ssl.SSLContext:
    """Return what checks a server's certificate; raise :class:`TrackerError` for a file that cannot be used."""
    return _context(tuple(_own), tuple(os.environ.get(name, "") for name in _INSTEAD))


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
