"""The tab with the swarm: a strip for each member, live."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Literal

import ttkbootstrap

from swarmshare.gui.sentences import spoken
from swarmshare.gui.table.table import Table
from swarmshare.gui.theme import pixels
from swarmshare.gui.viewmodel.members import Member, member_columns, members_of, rarest
from swarmshare.gui.words import _, ngettext, number
from swarmshare.swarm.stalls import StallDetector

if TYPE_CHECKING:
    import tkinter

    from swarmshare.gui.preferences import Preferences
    from swarmshare.schema.snapshot import TorrentSnapshot


class SwarmTab(ttkbootstrap.Frame):
    """Members, with a line above that counts them and names the rarest pieces."""

    def __init__(self, parent: tkinter.Misc, preferences: Preferences) -> None:
        gap = pixels(parent, 8)
        super().__init__(parent, padding=(0, gap, 0, 0))
        top = ttkbootstrap.Frame(self, padding=(2 * gap, 0, 2 * gap, gap))
        top.pack(fill="x")
        self.summary = ttkbootstrap.Label(top)
        self.summary.pack(side="left")
        self.rarest = ttkbootstrap.Label(top, bootstyle="secondary", justify="left")
        top.bind("<Configure>", lambda _event: self._fit())
        self.table: Table[Member] = Table(
            self, "swarm", member_columns(), lambda member: member.key, preferences, sort="-down"
        )
        self.table.pack(fill="both", expand=True)
        self._stalls = StallDetector()
        self._info_hash: bytes | None = None

    def show(self, torrent: TorrentSnapshot | None, *, paused: bool = False) -> None:
        """Who takes part in one transfer; of a paused one that is not known."""
        if torrent is None:
            self.table.show(())
            self.summary.configure(text="")
            self.rarest.configure(text="")
            return
        if torrent.manifest.info_hash.full != self._info_hash:
            self._info_hash, self._stalls = torrent.manifest.info_hash.full, StallDetector()
        if paused:
            self.table.show((), _("Not known while paused"))
            self.summary.configure(text="")
            self.rarest.configure(text="")
            return
        members = members_of(torrent, self._stalls, monotonic())
        alone = torrent.no_peers
        self.table.show(members, spoken(alone.message) if alone is not None else _("Nobody else is here yet"))
        texts = [ngettext("{n} other machine", "{n} other machines", len(members)).format(n=number(len(members)))]
        if complete := sum(member.complete for member in members):
            texts.append(_("{n} complete").format(n=number(complete)))
        if stuck := sum(member.stuck for member in members):
            texts.append(_("{n} stuck").format(n=number(stuck)))
        self.summary.configure(text=" \u00b7 ".join(texts))
        self.rarest.configure(text=rarest(torrent))
        self._fit()

    def _fit(self) -> None:
        """Rarest pieces stand behind the count, or below it, in as many lines as they take."""
        width = self.summary.master.winfo_width()
        self.rarest.configure(wraplength=max(width - pixels(self, 32), 1))
        together = self.summary.winfo_reqwidth() + self.rarest.winfo_reqwidth() + pixels(self, 48) <= width
        side: Literal["right", "bottom"] = "right" if together else "bottom"
        if not self.rarest.winfo_manager() or self.rarest.pack_info()["side"] != side:
            self.summary.pack_forget()
            self.rarest.pack(side=side, anchor="w")
            self.summary.pack(side="left")
