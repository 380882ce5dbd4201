"""One tracker's catalogue, as it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.app.facts import Published
from swarmshare.app.snapshot import PersonSnapshot
from swarmshare.errors import TrackerError
from swarmshare.texts import Text, about, advise
from swarmshare.tracker_client.api import MAX_LISTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from swarmshare.storage.sign_ins import SignIn
    from swarmshare.tracker_client.api import Account, Entry
    from swarmshare.tracker_client.watch import EntryCounts


class Catalogue:
    """What is known of it; a :class:`~swarmshare.tracker_client.watch.Watcher`."""

    def __init__(self, sign_in: SignIn, tell: Callable[[Published], None], role: str = "") -> None:
        """``tell`` is told of what other people publish from now on; an empty ``role`` is asked of the tracker."""
        self.sign_in = sign_in
        self.person: PersonSnapshot | None = PersonSnapshot(sign_in.user, role, sign_in.tracker)
        """None when the tracker says that nobody is signed in."""
        self.problem = ""
        """Why the tracker is of no use at present; empty when all is well."""
        self._tell = tell
        self.is_listed = False
        """Whether the tracker has told all entries; what is published from then on is news."""
        self._entries: dict[str, Entry] = {}
        self._snapshot: tuple[Entry, ...] | None = ()

    async def follow(self) -> None:
        """Follow until cancelled, or until the sign-in is not valid any more."""
        from swarmshare.tracker_client.watch import watch  # loading it takes longer than the rest of a session

        try:
            await watch(self.sign_in.tracker, self.sign_in.token, self)
        except TrackerError:
            self.person = None
            self.problem = advise(
                about(self.sign_in.tracker, Text("account.not-valid")), Text("hint.sign-in-once-more")
            )

    def snapshot(self) -> tuple[Entry, ...]:
        """Return the newest first; the same object as long as nothing changes."""
        if self._snapshot is None:
            self._snapshot = tuple(sorted(self._entries.values(), key=lambda entry: -entry.published_at))
        return self._snapshot

    def __contains__(self, info_hash: str) -> bool:
        return info_hash in self._entries

    # What the tracker tells.

    def listed(self, account: Account, entries: list[Entry]) -> None:
        """Take over who the tracker says we are, and all entries: :class:`~swarmshare.tracker_client.watch.Watcher`."""
        self.person = PersonSnapshot(account.user, account.role, self.sign_in.tracker)
        self.problem = ""
        before = self._entries
        self._entries = {entry.info_hash: entry for entry in entries}
        self._snapshot = None
        if self.is_listed:
            self._tell_of(entry for entry in reversed(entries) if entry.info_hash not in before)
        self.is_listed = True

    def published(self, entry: Entry) -> None:
        """Add an entry that was published; it is told as a fact."""
        is_new = entry.info_hash not in self._entries
        if is_new and len(self._entries) >= MAX_LISTED:
            return
        self._entries[entry.info_hash] = entry
        self._snapshot = None
        if is_new:
            self._tell_of([entry])

    def withdrawn(self, info_hash: str) -> None:
        """Drop an entry that was withdrawn."""
        if self._entries.pop(info_hash, None) is not None:
            self._snapshot = None

    def counted(self, counts: list[EntryCounts]) -> None:
        """Swarms are not as they were."""
        for info_hash, seeds, peers, copies in counts:
            if (entry := self._entries.get(info_hash)) is not None:
                self._entries[info_hash] = entry._replace(seeds=seeds, peers=peers, copies=copies)
                self._snapshot = None

    def away(self, error: TrackerError) -> None:
        """Note that the tracker cannot be reached."""
        self.problem = error.advice

    def _tell_of(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.publisher != self.sign_in.user:
                self._tell(Published(entry.info_hash, entry.name, entry.publisher))
