"""Settings: what a user wants, from a file, the environment and the command line, in rising weight."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from swarmshare.app.quiet_hours import read_hours
from swarmshare.common.address import Address, is_loopback, read_address, show_address
from swarmshare.common.sizes import read_count, read_rate, shown
from swarmshare.engine.config import EngineConfig
from swarmshare.errors import SwarmShareError
from swarmshare.storage.files import read_small
from swarmshare.storage.home import swarmshare_home
from swarmshare.texts import Text, about, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES: Final = 64 * 1024
"""Of a settings file."""
MAX_ADDRESSES: Final = 100
"""To listen on."""
MAX_PEERS: Final = 10_000
"""Of one torrent, that can be asked for."""
PREFIX: Final = "SWARMSHARE_"
"""Of the environment's names for settings."""
DEFAULT: Final = "default"
"""The source of what nobody set."""

_LONGEST_HOURS: Final = 80
"""Characters of a setting of hours; no right one has as many."""


class SettingsError(SwarmShareError):
    """A setting that there is not, or a value that it cannot have; the text says where, and which."""

    code = "settings"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a user can set once for every verb."""

    tracker: str | None = None
    """Its address, as :func:`~swarmshare.tracker_client.http.tracker_url` has it; None: the one that one is signed in
    at."""
    ca: Path | None = None
    """A PEM file with the certificate of an authority to believe beside those that this machine knows."""
    folder: Path | None = None
    """Where downloads go; None: that is asked for."""
    listen: tuple[Address, ...] = EngineConfig.listen
    """Where peers can dial us."""
    max_peers: int = EngineConfig.max_peers
    """The most connections of one torrent."""
    limit_up: float | None = None
    """Bytes a second, all torrents together."""
    limit_down: float | None = None
    quiet_hours: str | None = None
    """When other limits count, every day in this machine's own time, such as ``08:00-18:00``; see
    :class:`~swarmshare.app.quiet_hours.QuietHours`."""
    quiet_limit_up: float | None = None
    """The limits of these hours; None: none."""
    quiet_limit_down: float | None = None

    @property
    def lets_others_in(self) -> bool:
        """Whether other machines can dial us, as far as it is for us to say."""
        return not all(is_loopback(host) for host, _port in self.listen)

    def limits_at(self, minute: int) -> tuple[float | None, float | None]:
        """Return the limits up and down in bytes a second that count at ``minute`` of the day; None: no limit."""
        if self.quiet_hours is not None and minute in read_hours(self.quiet_hours):
            return self.quiet_limit_up, self.quiet_limit_down
        return self.limit_up, self.limit_down


class Setting(NamedTuple):
    """A value, and where it came from: a file, a variable, an option, or :data:`DEFAULT`."""

    value: object
    source: str


Layer: TypeAlias = Mapping[str, Setting]
"""What one source sets, by name."""


class Configuration(NamedTuple):
    """The settings, and the source of each."""

    settings: Settings
    sources: dict[str, str]


# ------------------------------------------------------------------ values: ValueError says what one is not


def _count(value: object) -> int:
    return read_count(value, 1, MAX_PEERS)


def _addresses(value: object) -> tuple[Address, ...]:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list) or not 0 < len(items) <= MAX_ADDRESSES:
        raise ValueError(Text("value.addresses", value=shown(value)))
    return tuple(read_address(item.strip() if isinstance(item, str) else repr(item)) for item in items)


def _folder(value: object) -> Path:
    if isinstance(value, str) and value.isprintable():
        try:
            path = Path(value).expanduser()
        except RuntimeError:  # nobody's home
            path = Path()
        if path.is_absolute():
            return path
    raise ValueError(Text("value.folder", value=shown(value)))


def _file(value: object) -> Path:
    try:
        return _folder(value)
    except ValueError:
        raise ValueError(Text("value.file", value=shown(value))) from None


def _hours(value: object) -> str:
    if isinstance(value, str) and len(value) <= _LONGEST_HOURS:
        try:
            return str(read_hours(value))
        except ValueError:
            pass
    raise ValueError(Text("value.hours", value=shown(value)))


def _tracker(value: object) -> str:
    from swarmshare.tracker_client.http import tracker_url  # it takes longer to load than most verbs take to run

    if not isinstance(value, str):
        raise ValueError(Text("tracker.url", text=shown(value)))
    try:
        return tracker_url(value)
    except SwarmShareError as error:
        raise ValueError(error.advice) from error


_READERS: Final[dict[str, Callable[[object], object]]] = {
    "tracker": _tracker,
    "ca": _file,
    "folder": _folder,
    "listen": _addresses,
    "max_peers": _count,
    "limit_up": read_rate,
    "limit_down": read_rate,
    "quiet_hours": _hours,
    "quiet_limit_up": read_rate,
    "quiet_limit_down": read_rate,
}


def _read(name: str, value: object, source: str, where: str) -> Setting:
    try:
        return Setting(_READERS[name](value), source)
    except ValueError as error:
        raise SettingsError(about(where, text_of(error))) from error


def require_setting(name: str) -> None:
    """Raise :class:`SettingsError` when there is no such setting."""
    if name not in _READERS:
        raise SettingsError(
            Text("settings.unknown", name=shown(name)), hint=Text("settings.known", names=", ".join(_READERS))
        )


def read_setting(name: str, text: str) -> object:
    """Return what somebody types for a setting as :class:`Settings` has it. Raises :class:`SettingsError`."""
    require_setting(name)
    return _read(name, text, "", name).value


# ------------------------------------------------------------------ layers


def from_file(text: str, path: Path) -> Layer:
    """Return what ``text``, the TOML of ``path``, sets. Raises :class:`SettingsError`."""
    try:
        found: dict[str, object] = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and a number of too many digits
        raise SettingsError(about(path, text_of(error)), hint=Text("hint.toml")) from error
    except RecursionError:
        raise SettingsError(about(path, Text("settings.too-deep"))) from None
    for name in found:
        if name not in _READERS:
            hint = Text("settings.known", names=", ".join(_READERS))
            raise SettingsError(about(path, Text("settings.unknown", name=shown(name))), hint=hint)
    return {name: _read(name, value, str(path), f"{path}: {name}") for name, value in found.items()}


def from_environment(environment: Mapping[str, str]) -> Layer:
    """Return what variables such as ``SWARMSHARE_LISTEN`` set; empty ones nothing. Raises :class:`SettingsError`."""
    variables = {name: PREFIX + name.upper() for name in _READERS}
    return {
        name: _read(name, environment[variable], variable, variable)
        for name, variable in variables.items()
        if environment.get(variable)
    }


def from_flags(values: Mapping[str, object]) -> Layer:
    """Return what options set: values as :class:`Settings` has them; None, or an empty list, is what nobody gave."""
    return {name: Setting(value, f"--{name.replace('_', '-')}") for name, value in values.items() if value}


def merge(*layers: Layer) -> Configuration:
    """All of them together: of two that set the same, the later one counts."""
    found = {name: setting for layer in layers for name, setting in layer.items()}
    values: dict[str, Any] = {name: setting.value for name, setting in found.items()}
    sources = {field.name: found[field.name].source if field.name in found else DEFAULT for field in fields(Settings)}
    return Configuration(replace(Settings(), **values), sources)


def settings_path() -> Path:
    """Where the settings file is, if there is one."""
    return swarmshare_home() / "config.toml"


def load_settings(flags: Mapping[str, object] | None = None) -> Configuration:
    """Return the settings of this user and these options. Raises :class:`SettingsError` or :class:`StorageError`."""
    path = settings_path()
    return merge(read_settings_file(path), from_environment(os.environ), from_flags(flags or {}))


def read_settings_file(path: Path) -> Layer:
    """Return what the file at ``path`` sets; nothing when it is not there. Raises as :func:`load_settings` does."""
    if not path.exists():
        return {}
    data = read_small(path, MAX_BYTES)
    try:
        return from_file(data.decode(), path)
    except UnicodeDecodeError as error:
        raise SettingsError(about(path, Text("settings.not-utf8", offset=error.start))) from error


def described(configuration: Configuration) -> Iterator[tuple[str, object, str]]:
    """Each setting with its value, in words that JSON has, and its source."""
    for name, source in configuration.sources.items():
        value = getattr(configuration.settings, name)
        if name == "listen":
            value = [show_address(*address) for address in value]
        elif isinstance(value, Path):
            value = str(value)
        yield name, value, source
