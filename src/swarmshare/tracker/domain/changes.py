"""Who is told when accounts or the catalogue change: caches forget, live connections are cut, watchers hear of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from swarmshare.tracker.domain import values


class ChangeListener(Protocol):
    """Somebody who is told, after the database has it. Raises nothing."""

    def accounts_changed(self) -> None:
        """Some account, token or passkey is not what it was."""

    def account_cut(self, account: int) -> None:
        """Whatever is connected in the name of ``account`` has lost its right to be."""

    def published(self, entry: values.EntryView) -> None:
        """``entry`` is new in the catalogue."""

    def withdrawn(self, info_hash: bytes) -> None:
        """The entry with this full info hash is in the catalogue no more."""


class ChangeFeed:
    """Tells every listener, in the order in which they came."""

    def __init__(self) -> None:
        self._listeners: list[ChangeListener] = []

    def listen(self, listener: ChangeListener) -> None:
        """Tell ``listener``, too, from now on."""
        self._listeners.append(listener)

    def accounts_changed(self) -> None:
        """See :class:`ChangeListener`."""
        for listener in self._listeners:
            listener.accounts_changed()

    def account_cut(self, account: int) -> None:
        """See :class:`ChangeListener`; the change that is behind it is told first."""
        self.accounts_changed()
        for listener in self._listeners:
            listener.account_cut(account)

    def published(self, entry: values.EntryView) -> None:
        """See :class:`ChangeListener`."""
        for listener in self._listeners:
            listener.published(entry)

    def withdrawn(self, info_hash: bytes) -> None:
        """See :class:`ChangeListener`."""
        for listener in self._listeners:
            listener.withdrawn(info_hash)
