"""Banners: a few sentences at once, above everything else, until a person closes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ttkbootstrap as ttk

from swarmshare.gui.theme import pixels

if TYPE_CHECKING:
    import tkinter

    from swarmshare.gui.shell import Kind

AT_ONCE: Final = 3
"""Banners at once; the oldest goes when there is one more."""
FADING: Final = ("info", "success")
"""Kinds that disappear by themselves."""
SECONDS: Final = 8

_SIGNS: Final = {
    "info": "info-circle-fill",
    "success": "check-circle-fill",
    "warning": "exclamation-triangle-fill",
    "danger": "x-octagon-fill",
}
"""Kinds are told apart by more than a colour."""


class Banners(ttk.Frame):
    """The banners; without any they take no space. Pack it with ``fill="x"``."""

    def __init__(self, parent: tkinter.Misc) -> None:
        super().__init__(parent)
        self._shown: list[_Banner] = []

    def say(self, text: str, kind: Kind = "info", about: str = "") -> None:
        """Show a sentence. One that is there already is not shown twice.

        ``about`` names what it is about, if another sentence about that makes it untrue.
        """
        self.unsay(about)
        for banner in [banner for banner in self._shown if banner.text == text]:
            self.close(banner)
        while len(self._shown) >= AT_ONCE:
            self.close(self._shown[0])
        banner = _Banner(self, text, kind, about)
        banner.pack(fill="x", pady=(0, 1))
        self._shown.append(banner)

    def unsay(self, about: str) -> None:
        """Remove the banner about something, because it is not true any more."""
        for banner in [banner for banner in self._shown if about and banner.about == about]:
            self.close(banner)

    @property
    def texts(self) -> list[str]:
        """The sentences that are shown now, the oldest first."""
        return [banner.text for banner in self._shown]

    def close(self, banner: _Banner) -> None:
        """Remove one banner, as its cross does."""
        if banner in self._shown:
            self._shown.remove(banner)
            banner.destroy()
        if not self._shown:
            self.configure(height=1)  # an empty frame would keep the height of what was last in it


class _Banner(ttk.Frame):
    def __init__(self, banners: Banners, text: str, kind: Kind, about: str) -> None:
        surface = f"@{kind}"
        super().__init__(banners, bootstyle=surface)
        self.text, self.about = text, about
        self._banners = banners
        gap = pixels(self, 8)
        ttk.Label(self, icon=_SIGNS[kind], bootstyle=surface).pack(side="left", padx=(2 * gap, gap), pady=gap)
        cross = ttk.Button(self, icon="x-lg", icon_only=True, bootstyle=f"{surface} ghost", command=self._close)
        cross.pack(side="right", padx=gap)
        self._words = ttk.Label(self, text=text, bootstyle=surface, justify="left")
        self._words.pack(side="left", fill="x", expand=True, pady=gap)
        self.bind("<Configure>", self._wrap)
        self._fading = self.after(SECONDS * 1000, self._close) if kind in FADING else None

    def destroy(self) -> None:
        if self._fading is not None:
            self.after_cancel(self._fading)
            self._fading = None
        super().destroy()

    def _wrap(self, event: tkinter.Event[tkinter.Misc]) -> None:
        if event.widget is self:
            self._words.configure(wraplength=max(event.width - pixels(self, 120), 1))

    def _close(self) -> None:
        self._banners.close(self)
