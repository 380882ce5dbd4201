"""A list that the tracker tells, and one thing that can be done to the row that is selected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

from swarmshare.gui.dialogs.dialog import Dialog
from swarmshare.gui.table.table import Table
from swarmshare.gui.theme import pixels
from swarmshare.gui.words import _

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Awaitable, Callable, Hashable, Sequence

    from swarmshare.app.client_session import ClientSession
    from swarmshare.gui.shell import Shell
    from swarmshare.gui.viewmodel.cells import Column

T = TypeVar("T")

HEIGHT: Final = 200
"""Pixels of rows, at 96 dots an inch: what the smallest screen has room for."""


class ListDialog(Dialog, Generic[T]):
    """Shows what the tracker answers, and asks it again after each change.

    A subclass says what can be done to a row in :meth:`label_for` and :meth:`is_usable`, and does it in :meth:`act`.
    """

    def __init__(
        self,
        parent: tkinter.Misc,
        shell: Shell,
        title: str,
        columns: Sequence[Column[T]],
        key: Callable[[T], Hashable],
        ask: Callable[[ClientSession], Callable[[], Awaitable[Sequence[T]]]],
    ) -> None:
        """``columns`` and ``key`` are those of :class:`~swarmshare.gui.table.table.Table`.

        ``ask`` picks the command of the session that returns the rows.
        """
        super().__init__(parent, title)
        self._shell, self._ask = shell, ask
        self.table: Table[T] = Table(self.body, type(self).__name__.lower(), columns, key, shell.preferences)
        self.table.body.configure(height=pixels(self, HEIGHT))
        self.table.pack(fill="both", expand=True, pady=(0, self.gap))
        self.table.on_select = self._offer
        self.table.on_open = lambda _item: self.button.invoke()
        self.button = self.add_button("", self._act, style="danger-outline")
        self.add_cancel(_("Close"))
        self._offer()
        self.table.show((), _("Asking the tracker..."))
        self.refresh()
        self.show(self.table.body)

    def label_for(self, item: T | None) -> str:
        """Return what the button says while ``item`` is selected; None: nothing is."""
        raise NotImplementedError

    def is_usable(self, item: T) -> bool:
        """Whether it can be done to this one."""
        raise NotImplementedError

    def act(self, item: T) -> None:
        """Do it; :meth:`refresh` follows when the tracker has."""
        raise NotImplementedError

    def refresh(self, _changed: object = None) -> None:
        """Ask for the rows again."""
        if self.winfo_exists():
            self._shell.submit_or(self.refused, self._answered, self._ask)

    def refused(self, sentence: str) -> None:
        """Say why the tracker did not do it."""
        if self.winfo_exists():
            self.table.show(self.table.items)
            self.complain(sentence)

    def _answered(self, items: Sequence[T]) -> None:
        if not self.winfo_exists():
            return
        self.complain("")
        self.table.show(items)
        if not self.table.selected and self.table.items:
            self.table.select(self.table.key_of(self.table.items[0]))
        self._offer()

    def _offer(self) -> None:
        item = self._selected
        usable = item is not None and self.is_usable(item)
        self.button.configure(text=self.label_for(item), state="normal" if usable else "disabled")

    @property
    def _selected(self) -> T | None:
        selected = self.table.selected
        return selected[0] if len(selected) == 1 else None

    def _act(self) -> None:
        if (item := self._selected) is not None:
            self.act(item)
