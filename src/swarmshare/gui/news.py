"""Facts as banners, for those that a person should know at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.app.facts import JobFailed, Problem, Shared
from swarmshare.common.text import clean
from swarmshare.gui.sentences import spoken, translate
from swarmshare.gui.viewmodel.lists import changed_in_words
from swarmshare.gui.viewmodel.log_lines import limit_in_words, shared
from swarmshare.gui.words import _
from swarmshare.schema.alerts import FileNotice, OpenFilesLimit, PiecesLost, TorrentRecovered, TorrentWaiting

if TYPE_CHECKING:
    from swarmshare.app.facts import Fact
    from swarmshare.app.snapshot import ClientSnapshot
    from swarmshare.gui.banner import Banners


def say_fact(banners: Banners, fact: Fact, snapshot: ClientSnapshot | None) -> None:
    """Show a banner for ``fact`` if a person should know it, and remove banners that it makes untrue.

    ``snapshot`` has the names of transfers; None: info hashes are shown.
    """

    def name(info_hash: bytes) -> str:
        transfers = snapshot.transfers if snapshot is not None else ()
        return next((clean(t.name) for t in transfers if t.info_hash == info_hash.hex()), info_hash.hex()[:8])

    match fact:
        case Shared(path=path, lost_folder=lost):
            banners.say(shared(fact), "warning" if lost else "success", f"share {path}")
        case JobFailed(path=path, message=message) if message:
            reason = spoken(message, without=path)  # the path is named once
            text = _("{path} could not be shared: {reason}").format(path=clean(str(path)), reason=reason)
            banners.say(text, "danger", f"share {path}")
        case TorrentWaiting(info_hash=info_hash, message=message):
            banners.say(f"{name(info_hash)}: {spoken(message)}", "danger", info_hash.hex())
        case TorrentRecovered(info_hash=info_hash):
            banners.unsay(info_hash.hex())
        case FileNotice(info_hash=info_hash, message=message):
            banners.say(f"{name(info_hash)}: {spoken(message)}", "warning")
        case Problem(message=message):
            banners.say(translate(message), "warning")
        case OpenFilesLimit(limit=limit):
            banners.say(limit_in_words(limit), "warning")
        case PiecesLost(info_hash=info_hash, files=files):
            banners.say(f"{name(info_hash)}: {changed_in_words(files)}.", "warning")
