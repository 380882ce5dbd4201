"""Writing the settings file: what a window changes, so that every verb has it, too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from swarmshare.app.config import (
    PREFIX,
    Configuration,
    SettingsError,
    from_file,
    load_settings,
    read_settings_file,
    settings_path,
)
from swarmshare.engine.config import Address, show_address
from swarmshare.errors import StorageError
from swarmshare.storage.files import os_reason, write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping


def change_settings(changes: Mapping[str, object]) -> Configuration:
    """Write ``changes``, by name and in the values of :class:`Settings`; None takes one out. Returns what counts then.

    Comments in the file are not kept. Raises :class:`SettingsError` for a value that cannot be, for a file that is
    wrong as it is, and where a variable of the environment would outweigh the change; :class:`StorageError`.
    """
    path = settings_path()
    before = load_settings()
    for name in changes:
        variable = PREFIX + name.upper()
        if before.sources.get(name) == variable:
            raise SettingsError(f"{variable} sets this in the environment", hint="Change it there, or take it out.")
    values = {name: setting.value for name, setting in read_settings_file(path).items()} | dict(changes)
    text = "".join(f"{name} = {_toml(value)}\n" for name, value in values.items() if value is not None)
    from_file(text, path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(path.parent, os_reason(error)) from error
    write_atomic(path, text.encode())
    return load_settings()


def _toml(value: object) -> str:
    """A value in TOML, as the readers of settings take it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(int(value) if float(value).is_integer() else value)
    if isinstance(value, tuple):
        return f"[{', '.join(_quoted(show_address(*address)) for address in cast('tuple[Address, ...]', value))}]"
    return _quoted(str(value) if isinstance(value, Path) else value)


def _quoted(value: object) -> str:
    """A basic string (TOML 1.0): what would end it, or is no text there, is escaped."""
    if not isinstance(value, str):
        raise SettingsError(f"{value!r} is no setting")
    escaped = "".join(
        f"\\{char}" if char in '"\\' else char if char.isprintable() else f"\\U{ord(char):08x}" for char in value
    )
    return f'"{escaped}"'
