"""Requests to a tracker's HTTP API (``/api/v1``) about sign-ins, the catalogue and swarms; answers as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmshare.tracker_client.http import Answer, Connection, Json

PREFIX: Final = "/api/v1"
_PAGE: Final = 200
"""Entries or members of one answer: as many as a tracker gives."""
_SEARCH: Final = 200
"""Characters of a search: as many as a tracker takes."""
MAX_LISTED: Final = 100_000
"""Most that are asked for, page by page."""


class SignedIn(NamedTuple):
    """A new token, and whose it is."""

    user: str
    role: str
    token: str
    expires_at: int
    """Seconds since 1970."""


class Account(NamedTuple):
    """The account that a token speaks for."""

    user: str
    role: str
    announce_url: str
    """For ordinary clients: a secret, because it has the account's passkey in it."""
    max_manifest: int
    """Bytes of the largest manifest that it may publish."""


class Entry(NamedTuple):
    """An entry of the catalogue, and the numbers of its swarm."""

    info_hash: str
    """64 hexadecimal digits."""
    name: str
    comment: str
    publisher: str
    published_at: int
    total_length: int
    piece_count: int
    private: bool
    hybrid: bool
    seeds: int
    peers: int
    """All members of its swarm, seeds included."""
    copies: int
    """How many of them hold the rarest piece, up to 255; 0 when it is held by nobody that the tracker knows of."""


class Member(NamedTuple):
    """One member of a swarm, as the tracker tells of it."""

    user: str
    """Empty for an ordinary client that announces without a passkey."""
    addresses: tuple[str, ...]
    port: int
    live: bool
    """Connected to the tracker; False: an ordinary client, known by its last announce."""
    share: float
    """How much of everything it holds, 0 to 1."""
    left: int
    uploaded: int
    downloaded: int
    rate_up: int
    """Bytes a second."""
    rate_down: int
    pieces: bytes | None = None
    """Its bitfield, as in BEP 3, if it was asked for and is known."""


class Swarm(NamedTuple):
    """The swarm of one entry, and its members."""

    piece_count: int
    seeds: int
    leeches: int
    downloaded: int
    """How many completed in it since the tracker started."""
    copies: int
    availability: bytes
    """How many members hold each piece; 255: that many, or more."""
    members: tuple[Member, ...]


class TrackerApi:
    """The routes of one tracker's API for members. Every method raises :class:`~swarmshare.errors.TrackerError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def register(
        self, user: str, password: str, label: str, *, invitation: str | None = None, setup_token: str | None = None
    ) -> SignedIn:
        """Make an account, and sign in to it. ``label`` tells its owner later which token this was."""
        body: dict[str, Json] = {"name": user, "password": password, "label": label}
        if invitation is not None:
            body["invitation"] = invitation
        if setup_token is not None:
            body["setup_token"] = setup_token
        return _signed_in(self._connection.ask("POST", f"{PREFIX}/accounts", body=body))

    def sign_in(self, user: str, password: str, label: str) -> SignedIn:
        """Return a new token for an account, by its password; ``label`` is shown in the list of tokens."""
        body: dict[str, Json] = {"name": user, "password": password, "label": label}
        return _signed_in(self._connection.ask("POST", f"{PREFIX}/tokens", body=body))

    def sign_out(self) -> None:
        """End the token that this connection uses."""
        self._connection.ask("DELETE", f"{PREFIX}/tokens/current")

    def account(self) -> Account:
        """Return the account that the token of this connection speaks for."""
        answer = self._connection.ask("GET", f"{PREFIX}/account")
        account = answer.inner("account")
        return Account(
            account.text("name"), account.text("role"), answer.text("announce_url"), answer.number("max_manifest")
        )

    def entries(self, search: str = "") -> Iterator[Entry]:
        """Yield the entries that have all words of ``search``, the newest first; each once."""
        told = set()
        for answer in self._pages("/catalogue", "entries", {"search": search}):
            entry = read_entry(answer)
            if entry.info_hash not in told:  # a page begins anew where something was published meanwhile
                told.add(entry.info_hash)
                yield entry

    def entries_by_hash(self, digits: str) -> list[Entry]:
        """Return the first 200 entries whose info hash begins with ``digits`` (8 to 64, lower-case hexadecimal)."""
        return [entry for entry in self._first({"info_hash": digits}) if entry.info_hash.startswith(digits)]

    def entries_by_name(self, name: str) -> list[Entry]:
        """Return entries of exactly this name, the first 200 of them."""
        return [entry for entry in self._first({"name": name}) if entry.name == name]

    def similar(self, text: str, limit: int) -> list[Entry]:
        """Return entries with all words of ``text``, the newest ``limit`` of them."""
        return self._first({"search": text[:_SEARCH], "limit": limit})

    def _first(self, query: dict[str, str | int]) -> list[Entry]:
        answer = self._connection.ask("GET", f"{PREFIX}/catalogue", query={"limit": _PAGE, **query})
        return list(map(read_entry, answer.each("entries")))

    def entry(self, info_hash: str) -> Entry:
        """Return the entry with this info hash, 64 hexadecimal digits."""
        return read_entry(self._connection.ask("GET", f"{PREFIX}/catalogue/{info_hash}"))

    def publish(self, manifest: bytes) -> Entry:
        """Put a manifest into the catalogue, and return its entry; nothing changes when one published it before."""
        return read_entry(self._connection.send("POST", f"{PREFIX}/catalogue", manifest, "application/x-bittorrent"))

    def torrent(self, info_hash: str) -> bytes:
        """Return the manifest of an entry, not parsed yet, with the tracker's announce URL for the asker in it."""
        return self._connection.fetch(f"{PREFIX}/catalogue/{info_hash}/torrent")

    def withdraw(self, info_hash: str) -> None:
        """Take an entry out of the catalogue; only its publisher or an organiser may."""
        self._connection.ask("DELETE", f"{PREFIX}/catalogue/{info_hash}")

    def swarm(self, info_hash: str) -> Swarm:
        """Return the swarm of an entry, with all its members, but not which pieces each holds."""
        path = f"/swarms/{info_hash}"
        swarm = self._connection.ask("GET", PREFIX + path, query={"limit": 1})
        return _swarm(swarm, self._pages(path, "members", {}))

    def pieces(self, info_hash: str) -> Swarm:
        """Return the same with the pieces of each, for as many members as a tracker tells of at once."""
        query: dict[str, str | int] = {"limit": _PAGE, "pieces": "true"}
        swarm = self._connection.ask("GET", f"{PREFIX}/swarms/{info_hash}", query=query)
        return _swarm(swarm, swarm.each("members"))

    def _pages(self, path: str, name: str, query: dict[str, str | int]) -> Iterator[Answer]:
        offset = 0
        while offset < MAX_LISTED:
            page = {**query, "offset": offset, "limit": _PAGE}
            found = list(self._connection.ask("GET", PREFIX + path, query=page).each(name))
            yield from found
            offset += len(found)
            if len(found) < _PAGE:
                return


def _signed_in(answer: Answer) -> SignedIn:
    account, token = answer.inner("account"), answer.inner("token")
    return SignedIn(account.text("name"), account.text("role"), token.text("secret"), token.number("expires_at"))


def read_entry(answer: Answer) -> Entry:
    """Return an entry as a tracker writes it, checked. Raises :class:`~swarmshare.errors.TrackerError`."""
    seeds, peers, copies = read_counts(answer)
    return Entry(
        info_hash=answer.text("info_hash"),
        name=answer.text("name"),
        comment=answer.text("comment"),
        publisher=answer.text("publisher"),
        published_at=answer.number("published_at"),
        total_length=answer.number("total_length"),
        piece_count=answer.number("piece_count"),
        private=answer.flag("private"),
        hybrid=answer.flag("hybrid"),
        seeds=seeds,
        peers=peers,
        copies=copies,
    )


def read_counts(answer: Answer) -> tuple[int, int, int]:
    """Return seeds, all members, and copies of the rarest piece. Seeds are members, whatever a tracker counts."""
    seeds = answer.number("seeds")
    return seeds, max(seeds, answer.number("peers")), answer.number("copies")


def _swarm(answer: Answer, members: Iterator[Answer]) -> Swarm:
    return Swarm(
        piece_count=answer.number("piece_count"),
        seeds=answer.number("seeds"),
        leeches=answer.number("leeches"),
        downloaded=answer.number("downloaded"),
        copies=answer.number("copies"),
        availability=answer.binary("availability"),
        members=tuple(map(_member, members)),
    )


def _member(answer: Answer) -> Member:
    return Member(
        user=answer.text("user"),
        addresses=tuple(answer.texts("addresses")),
        port=answer.number("port"),
        live=answer.flag("live"),
        share=answer.share("share"),
        left=answer.number("left"),
        uploaded=answer.number("uploaded"),
        downloaded=answer.number("downloaded"),
        rate_up=answer.number("rate_up"),
        rate_down=answer.number("rate_down"),
        pieces=answer.optional_binary("pieces"),
    )
