"""The bar at the bottom: where we listen, how fast it goes, the tracker, and whether one may leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ttkbootstrap

from swarmshare.common.text import clean
from swarmshare.gui.theme import palette, pixels
from swarmshare.gui.viewmodel.safety import Light, Verdict, overall
from swarmshare.gui.words import _, rate

if TYPE_CHECKING:
    import tkinter

    from swarmshare.app.snapshot import ClientSnapshot

_SHAPES = {
    Light.GREEN: "check-circle-fill",
    Light.AMBER: "exclamation-circle-fill",
    Light.RED: "exclamation-octagon-fill",
}
"""Lights are told apart by more than their colour."""


class LightLabel(ttkbootstrap.Label):
    """A verdict's sentence with its traffic light."""

    def __init__(self, parent: tkinter.Misc) -> None:
        super().__init__(parent, compound="left")
        self.verdict = Verdict(Light.NONE, "")
        self.bind("<<ThemeChanged>>", lambda _event: self._dress())

    def show(self, verdict: Verdict | None) -> None:
        """Show a verdict's sentence and its light."""
        verdict = verdict or Verdict(Light.NONE, "")
        if verdict != self.verdict:
            self.verdict = verdict
            self._dress()

    def _dress(self) -> None:
        light, sentence = self.verdict
        image = ""
        if light is not Light.NONE:
            colours = palette()
            colour = {Light.GREEN: colours.green, Light.AMBER: colours.amber, Light.RED: colours.red}[light]
            image = ttkbootstrap.Icon(_SHAPES[light], 15, colour)
        self.configure(text=f" {sentence}" if image else sentence, image=image)


class StatusBar(ttkbootstrap.Frame):
    """One line; where the light's sentence takes all of it, the facts are in another below."""

    def __init__(self, parent: tkinter.Misc) -> None:
        self._gap = gap = pixels(parent, 8)
        super().__init__(parent, padding=(2 * gap, gap // 2))
        self.light = LightLabel(self)
        self.up = _Fact(self, "arrow-up", "up")
        self.down = _Fact(self, "arrow-down", "down")
        self.address = _Fact(self, "hdd-network", "muted")
        self.tracker = _Fact(self, "broadcast", "muted")
        self._fitted: tuple[object, ...] = ()
        self.bind("<Configure>", lambda _event: self._fit())

    def show(self, snapshot: ClientSnapshot) -> None:
        """Show the facts of a new snapshot."""
        self.light.show(overall(snapshot.transfers))
        self.down.say(rate(sum(transfer.rate_down for transfer in snapshot.transfers)))
        self.up.say(rate(sum(transfer.rate_up for transfer in snapshot.transfers)))
        if snapshot.listen_problem:
            self.address.say(_("nobody can reach us"), "danger")
        else:
            self.address.say(clean(snapshot.addresses[0]) if snapshot.addresses else "")
        if snapshot.person is None:
            self.tracker.say(_("not signed in"))
        elif snapshot.tracker_problem:
            self.tracker.say(_("tracker away"), "danger")
        else:
            host = snapshot.person.tracker.split("://", 1)[-1]
            self.tracker.say(_("{user} at {host}").format(user=clean(snapshot.person.user), host=clean(host)))
        self._fit()

    def _fit(self) -> None:
        """Leave out what the settings say, too, while there is no room for it; what is wrong is never left out."""
        width, facts = self.winfo_width(), [self.up, self.down, self.address, self.tracker]
        if width <= 1:
            return  # it is not laid out yet
        news = width, self.light.verdict, [str(fact.cget("text")) for fact in facts]
        if news == self._fitted:
            return
        self._fitted = news
        self.light.configure(wraplength=0)
        lengths = {fact: fact.winfo_reqwidth() + 2 * self._gap for fact in facts}
        room = width - 4 * self._gap
        beside = dict(lengths)
        for fact in (self.address, self.tracker):
            if sum(beside.values()) + self.light.winfo_reqwidth() > room and not fact.is_wrong:
                del beside[fact]
        below = sum(beside.values()) + self.light.winfo_reqwidth() > room
        for label in (self.light, *facts):
            label.pack_forget()
        self.light.pack(side="top" if below else "left", anchor="w")
        if below:
            self.light.configure(wraplength=room - pixels(self, 24))  # its symbol needs some, too
        for fact in lengths if below else beside:
            fact.pack(side="right", padx=(2 * self._gap, 0))


class _Fact(ttkbootstrap.Label):
    """A symbol and a few words."""

    def __init__(self, parent: tkinter.Misc, icon: str, tone: str) -> None:
        super().__init__(parent, compound="left")
        self._icon, self._usual, self._tone, self._text = icon, tone, tone, ""
        self.bind("<<ThemeChanged>>", lambda _event: self._dress())
        self._dress()

    @property
    def is_wrong(self) -> bool:
        """Whether it tells of something that is not as it should be."""
        return self._tone == "danger"

    def say(self, text: str, tone: str = "") -> None:
        """Show it, in the usual colour or in another."""
        if (text, tone or self._usual) != (self._text, self._tone):
            self._text, self._tone = text, tone or self._usual
            self._dress()

    def _dress(self) -> None:
        colours = palette()
        tones = {"muted": colours.muted, "up": colours.up, "down": colours.down, "danger": colours.red}
        image = ttkbootstrap.Icon(self._icon, 14, tones[self._tone])
        fill = colours.red if self._tone == "danger" else colours.text
        self.configure(text=f" {self._text}", image=image, foreground=fill)
