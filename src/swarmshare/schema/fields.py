"""Reading untyped data from the network field by field, so that nothing goes on without a type and a bound."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Final

from swarmshare.common.bits import runs_from_wire
from swarmshare.errors import SwarmShareError
from swarmshare.texts import Text

if TYPE_CHECKING:
    from swarmshare.common.bits import Runs

MOST: Final = 2**53 - 1
"""The greatest integer that every JSON reader keeps exactly."""
_SHOWN: Final = 40


class EventError(SwarmShareError):
    """An event of the tracker that was refused; ``reason`` is one of the codes of ``tracker_events``."""

    code = "event"

    def __init__(self, reason: str, message: Text) -> None:
        super().__init__(message)
        self.reason = reason


class Fields:
    """The fields of one JSON object; :class:`EventError` ``malformed`` for whatever is not as it should be."""

    __slots__ = ("_data", "_event")

    def __init__(self, event: str, data: object, known: frozenset[str] | None = None) -> None:
        """Take the fields of ``data``, sent as ``event``; one that is not ``known`` is refused, unless that is None."""
        self._event = event
        if not isinstance(data, dict):
            raise self.wrong(Text("event.no-object"))
        if known is not None and (unknown := data.keys() - known):
            names = ", ".join(sorted(repr(name)[:_SHOWN] for name in list(unknown)[:3]))
            raise self.wrong(Text("event.no-field", names=names))
        self._data = data

    def wrong(self, what: Text) -> EventError:
        """Return the error that says ``what`` is wrong with the event."""
        return EventError("malformed", Text("event.malformed", event=self._event, what=what))

    def raw(self, name: str) -> object:
        """Whatever it is, unchecked; None where it is missing."""
        return self._data.get(name)

    def has(self, name: str) -> bool:
        """Whether there is such a field, and it is not null."""
        return self._data.get(name) is not None

    def integer(self, name: str, low: int = 0, high: int = MOST) -> int:
        """Return a whole number from ``low`` to ``high``."""
        value = self._data.get(name)
        # type(), not isinstance(): JSON's true is no number, though Python's True is an int.
        if type(value) is not int or not low <= value <= high:
            raise self.wrong(Text("event.integer", name=repr(name), least=str(low), most=str(high)))
        return value

    def number(self, name: str, low: float, high: float) -> float:
        """Return a number from ``low`` to ``high``, whole or not."""
        value = self._data.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(Text("event.number", name=repr(name), least=str(low), most=str(high)))
        return float(value)

    def flag(self, name: str) -> bool:
        """Return a field that is true or false."""
        value = self._data.get(name)
        if type(value) is not bool:
            raise self.wrong(Text("event.flag", name=repr(name)))
        return value

    def text(self, name: str, most: int) -> str:
        """Text of up to ``most`` characters."""
        value = self._data.get(name)
        if type(value) is not str or len(value) > most:
            raise self.wrong(Text("event.text", name=repr(name), most=str(most)))
        return value

    def binary(self, name: str, most: int) -> bytes:
        """Return a Socket.IO attachment of up to ``most`` bytes."""
        value = self._data.get(name)
        if not isinstance(value, bytes | bytearray) or len(value) > most:
            raise self.wrong(Text("event.binary", name=repr(name), most=most))
        return bytes(value)

    def base64(self, name: str, most: int) -> bytes:
        """Up to ``most`` bytes as base64 (RFC 4648), with its padding."""
        value = self._data.get(name)
        # The length first: what is too long is not even decoded.
        if type(value) is str and len(value) <= 4 * -(-most // 3):
            try:
                return b64decode(value, validate=True)
            except ValueError:
                pass
        raise self.wrong(Text("event.base64", name=repr(name), most=most))

    def hexadecimal(self, name: str, length: int) -> bytes:
        """``length`` bytes as hexadecimal digits, without spaces or a prefix."""
        value = self._data.get(name)
        if type(value) is str and len(value) == 2 * length:
            try:
                found = bytes.fromhex(value)
            except ValueError:
                found = b""
            if len(found) == length:  # fromhex overlooks spaces
                return found
        raise self.wrong(Text("event.hexadecimal", name=repr(name), count=2 * length))

    def items(self, name: str, most: int) -> list[object]:
        """Return a list of up to ``most`` items."""
        value = self._data.get(name)
        if type(value) is not list or len(value) > most:
            raise self.wrong(Text("event.list", name=repr(name), most=most))
        return value

    def integers(self, name: str, most: int) -> list[int]:
        """Return a list of up to ``most`` whole numbers, none of them negative."""
        items = self.items(name, most)
        return [Fields(f"{self._event}, {name},", {"item": item}).integer("item") for item in items]

    def texts(self, name: str, most: int, length: int) -> list[str]:
        """Return a list of up to ``most`` texts of up to ``length`` characters."""
        items = self.items(name, most)
        return [Fields(f"{self._event}, {name},", {"item": item}).text("item", length) for item in items]

    def runs(self, name: str, most: int, limit: int) -> Runs:
        """Up to ``most`` runs of pieces below ``limit``."""
        try:
            return runs_from_wire(self.items(name, 2 * most), limit)
        except ValueError as error:
            raise self.wrong(Text("event.wrong", name=repr(name), reason=error)) from None
