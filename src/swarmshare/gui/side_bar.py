"""The bar at the left: the catalogue, transfers by what they do, and what is being hashed."""

from __future__ import annotations

import tkinter
from tkinter import ttk
from typing import TYPE_CHECKING, Final

import ttkbootstrap

from swarmshare.common.text import clean
from swarmshare.gui.theme import palette, pixels
from swarmshare.gui.viewmodel.lists import counts
from swarmshare.gui.words import _, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.app.snapshot import ClientSnapshot, JobSnapshot
    from swarmshare.gui.shell import Shell

CATALOGUE: Final = "catalogue"
_ICONS: Final = {
    CATALOGUE: "collection",
    "all": "arrow-down-up",
    "downloading": "arrow-down-circle",
    "seeding": "arrow-up-circle",
    "paused": "pause-circle",
    "waiting": "exclamation-triangle",
}
_STYLE: Final = "Side.Treeview"


class SideBar(ttkbootstrap.Frame):
    """A list to choose from; the jobs below it come and go."""

    def __init__(self, parent: tkinter.Misc, shell: Shell, chosen: Callable[[str], object]) -> None:
        """``chosen`` is called with :data:`CATALOGUE`, or with one of the viewmodel's filters."""
        super().__init__(parent)
        self._shell = shell
        self._ring = tkinter.Frame(self, highlightthickness=1)
        self._list = ttk.Treeview(self._ring, columns=("count",), show="tree", selectmode="browse", style=_STYLE)
        titles = {
            CATALOGUE: _("Catalogue"),
            "all": _("Transfers"),
            "downloading": _("Downloading"),
            "seeding": _("Seeding"),
            "paused": _("Paused"),
            "waiting": _("Waiting"),
        }
        for name, title in titles.items():
            self._list.insert("", "end", name, text=f"  {title}")
        self._list.column("#0", width=pixels(self, 156), stretch=True)
        self._list.column("count", width=pixels(self, 56), anchor="e", stretch=False)
        self._list.pack(fill="both", expand=True)
        self._ring.pack(fill="both", expand=True)
        for change in ("<FocusIn>", "<FocusOut>"):
            self._list.bind(change, lambda _event: self._colour_ring())
        self._list.bind("<<TreeviewSelect>>", lambda _event: chosen(self.selected))
        self._jobs: dict[int, _JobCard] = {}
        self._counts: dict[str, int] = {}
        # Not at <<ThemeChanged>>, which every change of a style brings about, ours included.
        self._themes = ttkbootstrap.Style()
        self._themes.on_theme_change(self._dress)

    @property
    def selected(self) -> str:
        """The selected item: :data:`CATALOGUE`, or one of the filters."""
        return (self._list.selection() or ("all",))[0]

    def select(self, name: str) -> None:
        """Select an item, as a click on it does."""
        self._list.selection_set(name)
        self._list.focus(name)

    def show(self, snapshot: ClientSnapshot) -> None:
        """Show the counts and jobs of a new snapshot."""
        numbers = {CATALOGUE: len(snapshot.catalogue), **counts(snapshot.transfers)}
        for name, count in numbers.items():
            if self._counts.get(name) != count:
                self._list.set(name, "count", f"{number(count)}  " if count else "")
        self._counts = numbers
        jobs = {job.number: job for job in snapshot.jobs}
        for gone in self._jobs.keys() - jobs.keys():
            self._jobs.pop(gone).destroy()
        for key, job in jobs.items():
            if key not in self._jobs:
                self._jobs[key] = _JobCard(self, self._shell, key)
                self._jobs[key].pack(side="bottom", fill="x", before=self._ring)
            self._jobs[key].show(job)

    def destroy(self) -> None:
        """Destroy the bar, and follow changes of the theme no more."""
        self._themes.remove_theme_change_callback(self._dress)
        super().destroy()

    def _dress(self, style: ttkbootstrap.Style) -> None:
        colours = palette()
        style.configure(
            _STYLE,
            background=colours.raised,
            fieldbackground=colours.raised,
            foreground=colours.text,
            borderwidth=0,
            rowheight=pixels(self, 34),
            indent=pixels(self, 4),
        )
        style.map(
            _STYLE,
            background=[("selected", colours.selected)],
            foreground=[("selected", colours.selected_text)],
        )
        style.layout(_STYLE, [("Treeview.treearea", {"sticky": "nsew"})])
        self._colour_ring()
        for name, icon in _ICONS.items():
            self._list.item(name, image=ttkbootstrap.Icon(icon, 16, colours.accent))

    def _colour_ring(self) -> None:
        """Show whether the list has the keyboard."""
        colours, has_it = palette(), str(self.tk.call("focus")) == str(self._list)
        self._ring.configure(highlightbackground=colours.accent if has_it else colours.raised)


class _JobCard(ttkbootstrap.Frame):
    """The card of one job."""

    def __init__(self, parent: tkinter.Misc, shell: Shell, number_of_job: int) -> None:
        gap = pixels(parent, 8)
        super().__init__(parent, padding=gap)
        top = ttkbootstrap.Frame(self)
        top.pack(fill="x")
        self._stop = ttkbootstrap.Button(
            top,
            icon="x-lg",
            icon_only=True,
            bootstyle="secondary-ghost",
            command=lambda: shell.submit(None, lambda session: session.jobs.cancel, number_of_job),
        )
        self._stop.pack(side="right")
        self._name = ttkbootstrap.Label(top, wraplength=pixels(self, 150), justify="left")
        self._name.pack(side="left", fill="x", expand=True)
        self._bar = ttkbootstrap.Progressbar(self, maximum=1000)
        self._bar.pack(fill="x")

    def show(self, job: JobSnapshot) -> None:
        """Show how far the job is."""
        name = clean(job.path.name)
        self._name.configure(text=_("Hashing {name}").format(name=name if len(name) < 16 else f"{name[:14]}\u2026"))
        self._bar.configure(value=1000 * job.bytes_done // max(job.bytes_total, 1))
