"""Writing the settings file: what a window or ``swarmshare config set`` changes, so that every verb has it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import tomlkit

from swarmshare.app.config import (
    MAX_BYTES,
    PREFIX,
    Configuration,
    SettingsError,
    from_file,
    load_settings,
    settings_path,
)
from swarmshare.common.address import Address, show_address
from swarmshare.errors import StorageError
from swarmshare.storage.files import make_folder, read_small, write_atomic
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    from collections.abc import Mapping


def change_settings(changes: Mapping[str, object]) -> Configuration:
    """Write ``changes``, by name and in the values of :class:`Settings`; None takes one out. Returns what counts then.

    All else in the file stays as it is, comments included. Raises :class:`SettingsError` for a value that cannot be,
    for a file that is wrong as it is, and where a variable of the environment would outweigh the change;
    :class:`StorageError`.
    """
    path = settings_path()
    before = load_settings()
    for name in changes:
        variable = PREFIX + name.upper()
        if before.sources.get(name) == variable:
            raise SettingsError(Text("settings.environment", variable=variable), hint=Text("hint.change-there"))
    document = tomlkit.parse(read_small(path, MAX_BYTES).decode() if path.exists() else "")
    for name, value in changes.items():
        if value is not None:
            document[name] = _plain(value)
        else:
            document.pop(name, None)
    text = tomlkit.dumps(document)
    from_file(text, path)
    try:
        make_folder(path.parent, mode=0o700)
    except OSError as error:
        raise StorageError(path.parent, os_reason(error)) from error
    write_atomic(path, text.encode())
    return load_settings()


def _plain(value: object) -> object:
    """Return a value as TOML has it, and as the readers of settings take it."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, tuple):
        return [show_address(*address) for address in cast("tuple[Address, ...]", value)]
    return str(value) if isinstance(value, Path) else value
