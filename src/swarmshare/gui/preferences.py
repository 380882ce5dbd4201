"""What the window remembers of itself: sizes, columns, theme, language. The engine's settings are elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from swarmshare.errors import StorageError
from swarmshare.storage.files import read_small, write_atomic
from swarmshare.storage.home import swarmshare_home
from swarmshare.texts import os_reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    Json: TypeAlias = str | int | float | bool | Sequence["Json"] | Mapping[str, "Json"] | None

MAX_BYTES: Final = 256 * 1024

T = TypeVar("T", bound="Json")


class Preferences:
    """JSON values by name, in one file.

    What comes from the disk is hostile until it has the type of a caller's default: :meth:`get` brings no surprises.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Read the file, if there is one; by default the one of this user. A broken one is set aside."""
        self.path = path or swarmshare_home() / "window.json"
        self.set_aside: Path | None = None
        """Where a broken file is now."""
        self._values = self._read()
        self._saved = json.dumps(self._values, indent=1)

    def get(self, key: str, default: T) -> T:
        """Return the value of ``key``, if there is one and it has the type of ``default``; else ``default``.

        A list or an object is also refused when its items have not the type of the first of ``default``.
        """
        value = self._values.get(key, default)
        return value if _alike(value, default) else default  # type: ignore[return-value]  # that is what alike means

    def set(self, key: str, value: Json) -> None:
        """Remember a value, at first in memory."""
        self._values[key] = value

    def save(self) -> None:
        """Write what has changed, if anything has. Raises :class:`StorageError`."""
        text = json.dumps(self._values, indent=1)
        if text == self._saved:
            return
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(self.path.parent, os_reason(error)) from error
        write_atomic(self.path, text.encode(), mode=0o600)
        self._saved = text

    def _read(self) -> dict[str, Json]:
        if not self.path.exists():
            return {}
        try:
            found = json.loads(read_small(self.path, MAX_BYTES))
        except (StorageError, ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return found
        self.set_aside = self.path.with_suffix(".broken")
        try:
            self.path.replace(self.set_aside)
        except OSError:  # then the next save replaces it, or says why not
            self.set_aside = self.path
        return {}


def _alike(value: object, default: object) -> bool:
    match default:
        case None:
            return value is None
        case bool():
            return isinstance(value, bool)
        case int() | float():
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case str():
            return isinstance(value, str)
        case dict():
            samples = list(default.values())[:1]
            return isinstance(value, dict) and all(_alike(item, one) for item in value.values() for one in samples)
        case list() | tuple():
            samples = list(default[:1])
            return isinstance(value, (list, tuple)) and all(_alike(item, one) for item in value for one in samples)
    return False
