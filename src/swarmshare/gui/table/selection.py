"""Which rows of a table are selected, and which one has the focus. Pure: rows are known by their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence


class Selection:
    """A set of keys, as a person changes it with the mouse and the keyboard; it survives every new order of rows."""

    def __init__(self) -> None:
        self.keys: set[Hashable] = set()
        self.focus: Hashable = None
        """Where the next step begins; None: nowhere."""
        self._anchor: Hashable = None
        self._order: Sequence[Hashable] = ()
        self._index: dict[Hashable, int] | None = {}

    def rows(self, order: Sequence[Hashable]) -> bool:
        """There are these rows now, in this order. True when a selected one is gone."""
        self._order, self._index = order, None
        if self.focus is None and not self.keys:
            return False
        gone = self.keys - self.index.keys()
        self.keys -= gone
        if self.focus not in self.index:
            self.focus = None
        if self._anchor not in self.index:
            self._anchor = self.focus
        return bool(gone)

    @property
    def index(self) -> dict[Hashable, int]:
        """The place of each row from the top, by its key."""
        if self._index is None:
            self._index = {key: at for at, key in enumerate(self._order)}
        return self._index

    def choose(self, key: Hashable, *, toggle: bool = False, extend: bool = False) -> None:
        """Take a click on a row, or a step to it; ``toggle`` is the Control key, ``extend`` is Shift."""
        if extend and self._anchor is not None:
            first, last = sorted((self.index[self._anchor], self.index[key]))
            span = set(self._order[first : last + 1])
            self.keys = self.keys | span if toggle else span
        else:
            if toggle:
                self.keys ^= {key}
            else:
                self.keys = {key}
            self._anchor = key
        self.focus = key

    def step(self, by: int, *, extend: bool = False, keep: bool = False) -> None:
        """Go up or down, to the first or last row at most; ``keep`` moves the focus alone."""
        if not self._order:
            return
        at = self.index.get(self.focus)
        if at is None:
            at = -1 if by > 0 else len(self._order)
        key = self._order[max(0, min(len(self._order) - 1, at + by))]
        if keep and not extend:
            self.focus = key
        else:
            self.choose(key, extend=extend)

    def choose_all(self) -> None:
        """Select every row; the focus stays."""
        self.keys = set(self._order)
        if self.focus is None and self._order:
            self.focus = self._anchor = self._order[0]

    def in_order(self) -> list[Hashable]:
        """Return the keys of the selected rows, from the top."""
        return sorted(self.keys, key=self.index.__getitem__)
