"""Transfers and the catalogue as rows: what their columns show, and what can be searched and chosen. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from swarmshare.common.text import clean
from swarmshare.gui.sentences import spoken, translate
from swarmshare.gui.viewmodel.cells import Bar, Column, Label, natural, searched
from swarmshare.gui.viewmodel.safety import Light, Verdict, about
from swarmshare.gui.words import _, duration, ngettext, number, percent, rate, size, when
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from swarmshare.app.snapshot import TransferSnapshot
    from swarmshare.gui.viewmodel.cells import Tone
    from swarmshare.tracker_client.api import Entry

_STATES: Final[dict[TorrentState, tuple[str, Tone]]] = {
    TorrentState.CHECKING: ("search", "info"),
    TorrentState.DOWNLOADING: ("arrow-down-circle-fill", "primary"),
    TorrentState.SEEDING: ("arrow-up-circle-fill", "success"),
    TorrentState.PAUSED: ("pause-circle-fill", "muted"),
    TorrentState.WAITING: ("exclamation-triangle-fill", "warning"),
}
_NEVER: Final = float("inf")


def share(transfer: TransferSnapshot) -> float:
    """How much of it is done, from 0 to 1; of nothing, all is."""
    return transfer.bytes_done / transfer.bytes_total if transfer.bytes_done < transfer.bytes_total else 1.0


def ratio(transfer: TransferSnapshot) -> float:
    """How many times it was given away: of what was downloaded, or of everything when it was not."""
    return transfer.uploaded / (transfer.downloaded or transfer.bytes_total or 1)


def state_name(state: TorrentState) -> str:
    """Return a state in words."""
    return {
        TorrentState.CHECKING: _("Checking"),
        TorrentState.DOWNLOADING: _("Downloading"),
        TorrentState.SEEDING: _("Seeding"),
        TorrentState.PAUSED: _("Paused"),
        TorrentState.WAITING: _("Waiting"),
    }[state]


def changed_in_words(files: Sequence[str]) -> str:
    """Return that other programs changed or removed ``files``, the first by name, and what to do about it."""
    text = ngettext(
        "{file} was changed or removed by another program. Changes are left alone: put it back as it was, share what "
        "it is now, or force a re-check, which replaces them",
        "{file} and others were changed or removed by another program. Changes are left alone: put them back, share "
        "what they are now, or force a re-check, which replaces them",
        len(files),
    )
    return text.format(file=clean(files[0]))


def headline(transfer: TransferSnapshot) -> Verdict:
    """Return what is most worth saying about it, in one sentence."""
    if transfer.problem:
        return Verdict(Light.RED, translate(transfer.problem))
    if transfer.changed_files:
        return Verdict(Light.AMBER, changed_in_words(transfer.changed_files))
    verdict = about(transfer)
    if verdict.light is not Light.NONE:
        return verdict
    if transfer.no_peers:
        return Verdict(Light.AMBER, spoken(transfer.no_peers))
    if transfer.unserved:
        return Verdict(Light.AMBER, _doing(transfer))
    if eta := _eta(transfer):
        return Verdict(Light.NONE, _("{state}, {time} left").format(state=state_name(transfer.state), time=eta))
    return Verdict(Light.NONE, state_name(transfer.state))


def _doing(transfer: TransferSnapshot) -> str:
    """Return what it does, or why it does nothing."""
    if transfer.unserved:
        return _("Nobody online has the rest") if transfer.bytes_done else _("Nobody online has it")
    return state_name(transfer.state)


def _state(transfer: TransferSnapshot) -> Label:
    icon, tone = _STATES[TorrentState.WAITING if transfer.unserved else transfer.state]
    name = _doing(transfer)
    return Label(f"{name}: {translate(transfer.problem)}" if transfer.problem else name, icon, tone)


def _progress(transfer: TransferSnapshot) -> Bar:
    if transfer.state is TorrentState.CHECKING:
        return Bar(transfer.checked, percent(transfer.checked), "info")
    part = share(transfer)
    _icon, tone = _STATES[transfer.state]
    return Bar(part, percent(part), tone)


def _eta(transfer: TransferSnapshot) -> str:
    return duration(transfer.eta) if transfer.eta and transfer.state is TorrentState.DOWNLOADING else ""


def _copies(transfer: TransferSnapshot) -> Label:
    if transfer.state is TorrentState.PAUSED:  # as last known, if it was
        return Label(number(transfer.copies) if transfer.copies or transfer.only_here else "\u2014", "", "muted")
    light = about(transfer).light
    return Label(number(transfer.copies), "", light.tone if light is not Light.NONE else "")


def _rate(value: float) -> str:
    return rate(value) if value >= 1 else ""


def transfer_columns() -> list[Column[TransferSnapshot]]:
    """In the language that is spoken now."""
    return [
        Column("name", _("Name"), 22, lambda t: clean(t.name), lambda t: natural(t.name)),
        Column("size", _("Size"), 9, lambda t: size(t.bytes_total), lambda t: t.bytes_total, right=True),
        Column("progress", _("Progress"), 14, _progress, share),
        Column("state", _("State"), 26, _state, lambda t: t.state.value),
        Column("down", _("Down"), 10, lambda t: _rate(t.rate_down), lambda t: t.rate_down, right=True),
        Column("up", _("Up"), 10, lambda t: _rate(t.rate_up), lambda t: t.rate_up, right=True),
        Column("eta", _("ETA"), 10, _eta, lambda t: _NEVER if t.eta is None else t.eta, right=True),
        Column("peers", _("Peers"), 6, lambda t: number(t.peers), lambda t: t.peers, right=True),
        Column("ratio", _("Ratio"), 9, lambda t: number(ratio(t), 2), ratio, right=True),
        Column("copies", _("Copies"), 7, _copies, lambda t: t.copies, right=True),
        Column("seeds", _("Seeds"), 7, lambda t: number(t.seeds), lambda t: t.seeds, right=True, hidden=True),
        Column(
            "downloaded",
            _("Downloaded"),
            11,
            lambda t: size(t.downloaded),
            lambda t: t.downloaded,
            right=True,
            hidden=True,
        ),
        Column(
            "uploaded", _("Uploaded"), 11, lambda t: size(t.uploaded), lambda t: t.uploaded, right=True, hidden=True
        ),
        Column("added", _("Added"), 17, lambda t: when(t.added_at), lambda t: t.added_at, hidden=True),
        Column(
            "folder", _("Folder"), 24, lambda t: clean(str(t.folder)), lambda t: natural(str(t.folder)), hidden=True
        ),
    ]


FILTERS: Final[dict[str, frozenset[TorrentState]]] = {
    "all": frozenset(TorrentState),
    "downloading": frozenset((TorrentState.DOWNLOADING, TorrentState.CHECKING)),
    "seeding": frozenset((TorrentState.SEEDING,)),
    "paused": frozenset((TorrentState.PAUSED,)),
    "waiting": frozenset((TorrentState.WAITING,)),
}
"""By what transfers can be chosen in the side bar, and which states each of them has."""


def chosen(transfers: Sequence[TransferSnapshot], which: str, search: str) -> Sequence[TransferSnapshot]:
    """Those of one of the :data:`FILTERS` whose names have what is searched."""
    states = FILTERS[which]
    found = transfers if len(states) == len(TorrentState) else [t for t in transfers if t.state in states]
    return searched(found, search, lambda transfer: transfer.name)


def counts(transfers: Sequence[TransferSnapshot]) -> dict[str, int]:
    """How many there are of each of the :data:`FILTERS`."""
    of_state = dict.fromkeys(TorrentState, 0)
    for transfer in transfers:
        of_state[transfer.state] += 1
    return {which: sum(of_state[state] for state in states) for which, states in FILTERS.items()}


# ------------------------------------------------------------------ the catalogue


def _health(entry: Entry) -> Label:
    if not entry.copies:
        return Label(_("incomplete") if entry.peers else _("nobody there"), "circle-fill", "danger")
    text = f"{number(entry.copies)}+" if entry.copies == 255 else number(entry.copies)
    return Label(text, "circle-fill", "success" if entry.copies > 1 else "warning")


def entry_columns(here: Mapping[str, TransferSnapshot]) -> list[Column[Entry]]:
    """In the language that is spoken now. ``here`` has this machine's transfers by info hash, and changes."""

    def mine(entry: Entry) -> Label | Bar:
        transfer = here.get(entry.info_hash)
        if transfer is None:
            return Label("")
        if transfer.state is TorrentState.SEEDING:
            return Label(_("Here"), "check-circle-fill", "success")
        return _progress(transfer)

    def mine_key(entry: Entry) -> float:
        transfer = here.get(entry.info_hash)
        return -1.0 if transfer is None else share(transfer)

    return [
        Column("name", _("Name"), 22, lambda e: clean(e.name), lambda e: natural(e.name)),
        Column("size", _("Size"), 9, lambda e: size(e.total_length), lambda e: e.total_length, right=True),
        Column("publisher", _("Shared by"), 11, lambda e: clean(e.publisher), lambda e: natural(e.publisher)),
        Column("published", _("Shared on"), 15, lambda e: when(e.published_at), lambda e: e.published_at),
        Column("seeds", _("Seeds"), 6, lambda e: number(e.seeds), lambda e: e.seeds, right=True),
        Column("peers", _("Peers"), 6, lambda e: number(e.peers), lambda e: e.peers, right=True),
        Column("health", _("Copies"), 14, _health, lambda e: e.copies),
        Column("mine", _("Here"), 12, mine, mine_key),
        Column("comment", _("Comment"), 19, lambda e: clean(e.comment), lambda e: natural(e.comment)),
        Column(
            "pieces", _("Pieces"), 9, lambda e: number(e.piece_count), lambda e: e.piece_count, right=True, hidden=True
        ),
    ]


def found(catalogue: Sequence[Entry], search: str) -> Sequence[Entry]:
    """Entries that have what is searched in their name, their comment or their publisher."""
    return searched(catalogue, search, lambda entry: f"{entry.name}\n{entry.comment}\n{entry.publisher}")
