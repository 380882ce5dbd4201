"""Which authority was believed at which tracker: one small file for each, as ssh keeps the keys of known hosts."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from swarmshare.errors import StorageError
from swarmshare.storage.files import make_folder, read_small, write_atomic
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 64 * 1024
"""Of one file that is read: many times what an address and a certificate take."""


class Pins:
    """The authorities that this user pinned, by the ``host:port`` of their trackers.

    Every method raises :class:`StorageError` for what the disk refuses, and for a file that is damaged: to go on
    without it would be to believe anybody.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / "groups"

    def save(self, place: str, authority: bytes) -> None:
        """Believe ``authority``, a certificate in PEM form, at ``place`` from now on, and no other one."""
        try:
            make_folder(self._folder, mode=0o700)
        except OSError as error:
            raise StorageError(self._folder, os_reason(error), hint=Text("hint.home-writable")) from error
        data = json.dumps({"place": place, "authority": authority.decode("ascii")}, indent=1).encode()
        write_atomic(self._path(place), data, mode=0o600)

    def load(self, place: str) -> bytes | None:
        """Return the authority that is believed at ``place``, in PEM form; None when none was pinned."""
        path = self._path(place)
        if not path.exists():
            return None
        try:
            fields = json.loads(read_small(path, MAX_BYTES))
            if fields["place"] == place:
                return str(fields["authority"]).encode("ascii")
        except (ValueError, TypeError, KeyError):
            pass
        raise StorageError(path, Text("pin.damaged"), hint=Text("hint.pin-damaged"))

    def _path(self, place: str) -> Path:
        return self._folder / f"{sha256(place.encode()).hexdigest()[:32]}.json"
