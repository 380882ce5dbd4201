"""News of accounts and the catalogue: caches forget, live connections are cut, watchers hear of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from swarmshare.tracker.domain import values


class ChangeListener(Protocol):
    """Hears of a change after the database has it. Its methods raise nothing and do not wait."""

    def accounts_changed(self) -> None:
        """Forget what is remembered of any account, token or passkey: some one is not what it was."""

    def account_cut(self, account: int) -> None:
        """Cut whatever is connected in the name of ``account``: it has lost its right to be."""

    def published(self, entry: values.EntryView) -> None:
        """Hear that ``entry`` is new in the catalogue."""

    def withdrawn(self, info_hash: bytes) -> None:
        """Hear that the entry with this full info hash is in the catalogue no more."""


class ChangeFeed:
    """Tells every listener of each change, in the order in which the listeners came."""

    def __init__(self) -> None:
        self._listeners: list[ChangeListener] = []

    def listen(self, listener: ChangeListener) -> None:
        """Tells ``listener``, too, from now on."""
        self._listeners.append(listener)

    def accounts_changed(self) -> None:
        """Tells that some account, token or passkey changed."""
        for listener in self._listeners:
            listener.accounts_changed()

    def account_cut(self, account: int) -> None:
        """Tells that an account lost its right to be connected; that accounts changed is told first."""
        self.accounts_changed()
        for listener in self._listeners:
            listener.account_cut(account)

    def published(self, entry: values.EntryView) -> None:
        """Tells that ``entry`` is new in the catalogue."""
        for listener in self._listeners:
            listener.published(entry)

    def withdrawn(self, info_hash: bytes) -> None:
        """Tells that the entry with this full info hash is gone."""
        for listener in self._listeners:
            listener.withdrawn(info_hash)
