"""Whether one may leave: plain sentences with a traffic light about everything that is shared from here."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from swarmshare.common.text import clean
from swarmshare.gui.words import _, ngettext, number
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from swarmshare.app.snapshot import TransferSnapshot
    from swarmshare.gui.viewmodel.cells import Tone


class Light(IntEnum):
    """The worst has the greatest number."""

    NONE = 0
    """There is nothing to say."""
    GREEN = 1
    AMBER = 2
    RED = 3

    @property
    def tone(self) -> Tone:
        """Its colour in tables and sentences."""
        return _TONES[self]


_TONES: dict[Light, Tone] = {
    Light.NONE: "muted",
    Light.GREEN: "success",
    Light.AMBER: "warning",
    Light.RED: "danger",
}


class Verdict(NamedTuple):
    """A light, and what it means."""

    light: Light
    sentence: str


def about(transfer: TransferSnapshot) -> Verdict:
    """Whether the others can do without this machine, as far as one transfer goes.

    That is asked of what was shared from here or is complete here, and of a download that others wait for.
    """
    ours = transfer.shared or transfer.state is TorrentState.SEEDING
    if transfer.state is TorrentState.CHECKING or not (ours or (transfer.peers and transfer.only_here)):
        return Verdict(Light.NONE, "")
    if transfer.state is TorrentState.PAUSED and not (transfer.copies or transfer.only_here):
        return Verdict(Light.NONE, "")  # who else has it is not known
    name = clean(transfer.name)
    if transfer.only_here:
        sentence = ngettext(
            "{n} piece of {name} is only on this computer",
            "{n} pieces of {name} are only on this computer",
            transfer.only_here,
        )
        return Verdict(Light.RED, sentence.format(n=number(transfer.only_here), name=name))
    if not transfer.copies:
        return Verdict(Light.RED, _("Nobody else has all of {name}").format(name=name))
    if transfer.copies == 1:
        sentence = _("Some of {name} is on only one other machine")
        return Verdict(Light.AMBER, sentence.format(name=name) + _how_sure(transfer))
    sentence = ngettext(
        "Every piece of {name} is on {n} other machine: safe to close",
        "Every piece of {name} is on {n} other machines: safe to close",
        transfer.copies,
    )
    return Verdict(Light.GREEN, sentence.format(n=number(transfer.copies), name=name) + _how_sure(transfer))


def overall(transfers: Iterable[TransferSnapshot]) -> Verdict:
    """Return the worst of all, in one sentence."""
    verdicts = [(about(transfer), transfer) for transfer in transfers]
    light = max((verdict.light for verdict, _transfer in verdicts), default=Light.NONE)
    if light is Light.NONE:
        return Verdict(light, "")
    worst = [(verdict, transfer) for verdict, transfer in verdicts if verdict.light is light]
    if len(worst) == 1 and light is not Light.GREEN:
        return worst[0][0]
    if light is Light.GREEN:
        least = min((transfer for _verdict, transfer in worst), key=lambda each: (each.copies, -each.announced_only))
        copies = least.copies
        sentence = ngettext(
            "Every piece is on {n} other machine: safe to close",
            "Every piece is on {n} other machines: safe to close",
            copies,
        )
        return Verdict(light, sentence.format(n=number(copies)) + _how_sure(least))
    if light is Light.AMBER:
        sentence = ngettext(
            "{n} transfer is on only one other machine", "{n} transfers are on only one other machine", len(worst)
        )
        return Verdict(light, sentence.format(n=number(len(worst))))
    only_here = sum(transfer.only_here for _verdict, transfer in worst)
    if not only_here:
        return worst[0][0]
    sentence = ngettext("{n} piece is only on this computer", "{n} pieces are only on this computer", only_here)
    return Verdict(light, sentence.format(n=number(only_here)))


def _how_sure(transfer: TransferSnapshot) -> str:
    """How many of the other machines are known by their own announce alone."""
    announced = min(transfer.announced_only, transfer.copies)
    if not announced:
        return ""
    if announced == transfer.copies:
        return " " + ngettext("(by its own word)", "(by their own word)", announced)
    text = ngettext("({n} of them by its own word)", "({n} of them by their own word)", announced)
    return " " + text.format(n=number(announced))
