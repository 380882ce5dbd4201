"""Which trackers this user is signed in at: one small file for each, that nobody else may read."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.errors import StorageError
from swarmshare.storage.files import make_folder, read_small, remove_leftovers, write_atomic
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 64 * 1024
"""Of one file that is read: many times what an address, a name and a token take."""
MAX_SIGN_INS: Final = 1000
"""Most files that are looked at, so that a folder full of something else costs no more than that."""


class SignIn(NamedTuple):
    """What a tracker gave to a user who said the right password."""

    tracker: str
    """Its address, in the one form that :func:`~swarmshare.tracker_client.api.tracker_url` gives it."""
    user: str
    token: str


class SignIns:
    """The sign-ins of one home folder.

    A file each, so that two programs that sign in at once at two trackers cannot undo each other's work. Every method
    raises :class:`StorageError` for what the disk refuses.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / "tokens"

    def save(self, sign_in: SignIn) -> None:
        """Remember a sign-in, in place of an older one at the same tracker."""
        try:
            make_folder(self._folder, mode=0o700)
            remove_leftovers(self._folder)
        except OSError as error:
            hint = Text("hint.home-writable")
            raise StorageError(self._folder, os_reason(error), hint=hint) from error
        write_atomic(self._path(sign_in.tracker), json.dumps(sign_in._asdict(), indent=1).encode(), mode=0o600)

    def load(self, tracker: str) -> SignIn | None:
        """Return the sign-in at ``tracker``; None when there is none."""
        path = self._path(tracker)
        return _read(path) if path.exists() else None

    def forget(self, tracker: str) -> None:
        """Remove the sign-in at ``tracker``, if there is one."""
        path = self._path(tracker)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(path, os_reason(error)) from error

    def all(self) -> list[SignIn]:
        """Every sign-in that is remembered, sorted by tracker; at most :data:`MAX_SIGN_INS`."""
        paths = sorted(self._folder.glob("*.json"))[:MAX_SIGN_INS]
        return sorted(_read(path) for path in paths)

    def _path(self, tracker: str) -> Path:
        return self._folder / f"{sha256(tracker.encode()).hexdigest()[:32]}.json"


def _read(path: Path) -> SignIn:
    try:
        fields = json.loads(read_small(path, MAX_BYTES))
        tracker, user, token = (fields[name] for name in SignIn._fields)
    except (ValueError, TypeError, KeyError):
        tracker = user = token = None
    if not (isinstance(tracker, str) and isinstance(user, str) and isinstance(token, str)):
        raise StorageError(path, Text("sign-in.not-one"), hint=Text("hint.sign-in-anew"))
    return SignIn(tracker, user, token)
