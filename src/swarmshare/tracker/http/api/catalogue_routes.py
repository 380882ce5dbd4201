"""Routes about the catalogue: publishing, finding, fetching and withdrawing."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from flask import Response

from swarmshare.tracker.domain import values
from swarmshare.tracker.domain.catalogue import Wanted, unknown_entry
from swarmshare.tracker.domain.refusals import Reason
from swarmshare.tracker.http.api import answers, requests
from swarmshare.tracker.http.api.routes import PREFIX, May, Raw

if TYPE_CHECKING:
    from swarmshare.tracker.domain.directory import Holder
    from swarmshare.tracker.http.api.routes import ApiRoutes
    from swarmshare.tracker.services import Services

TORRENT: Final = "application/x-bittorrent"
ENTRY: Final = "/catalogue/<string(length=64):info_hash>"

_HEX = re.compile(r"[0-9a-f]{64}")


def add_routes(routes: ApiRoutes, services: Services) -> None:
    """Add the routes about the catalogue to ``routes``; they call ``services``."""
    config = services.config

    @routes.route("GET", "/catalogue", may=May.MEMBER, asks=requests.FindEntries, gives=answers.Entries)
    def list_entries(query: requests.FindEntries, who: Holder) -> answers.Entries:
        """List what has been published, as far as it is wanted."""
        wanted = Wanted(
            search=query.search,
            info_hash=query.info_hash,
            name=query.name,
            publisher=query.publisher or None,
            private=query.private,
            sort=query.sort,
        )
        total, entries = services.catalogue.listed(wanted, offset=query.offset, limit=query.limit)
        return answers.Entries(total=total, entries=entries)

    @routes.route(
        "POST",
        "/catalogue",
        may=May.MEMBER,
        takes=Raw((TORRENT, "application/octet-stream"), config.max_manifest, Reason.MANIFEST_SIZE),
        gives=values.EntryView,
        status=HTTPStatus.CREATED,
        or_status=HTTPStatus.OK,
        refuses=[Reason.MANIFEST, Reason.ALREADY_PUBLISHED, Reason.QUOTA],
    )
    def publish(body: bytes, who: Holder) -> tuple[values.EntryView, HTTPStatus, dict[str, str]]:
        """Publish a manifest: the body is the ``.torrent``. To do it twice does no harm: the second answer is 200.

        Announce URLs with a passkey in them are left out, and of a private manifest all are.
        """
        entry, new = services.catalogue.publish(body, who.identity)
        location = {"Location": f"{PREFIX}/catalogue/{entry.info_hash}"}
        return entry, HTTPStatus.CREATED if new else HTTPStatus.OK, location

    @routes.route("GET", ENTRY, may=May.MEMBER, gives=values.EntryView, refuses=[Reason.UNKNOWN_ENTRY])
    def entry(info_hash: str, who: Holder) -> values.EntryView:
        """Get one entry of the catalogue."""
        return services.catalogue.entry(parse_info_hash(info_hash))

    @routes.route(
        "GET",
        f"{ENTRY}/torrent",
        may=May.MEMBER,
        gives=TORRENT,
        refuses=[Reason.UNKNOWN_ENTRY, Reason.NO_PASSKEY],
    )
    def torrent(info_hash: str, who: Holder) -> Response:
        """Return the ``.torrent`` with this tracker's announce URL; if it is private, with the asker's passkey."""
        passkey = services.accounts.passkey(who.identity.account)
        name, data = services.catalogue.torrent(parse_info_hash(info_hash), services.announce_url(), passkey)
        response = Response(data, mimetype=TORRENT)
        # RFC 6266, with a second name for who knows only the first way to give one. That is made of nothing that the
        # name has: its compatible ASCII form, which werkzeug would give, may have a "../" that the name has not.
        names = {
            "filename": f"{name if name.isascii() else info_hash}.torrent",
            "filename*": f"UTF-8''{quote(name, safe='')}.torrent",
        }
        response.headers.set("Content-Disposition", "attachment", **names)
        return response

    @routes.route(
        "DELETE",
        ENTRY,
        may=May.MEMBER,
        status=HTTPStatus.NO_CONTENT,
        refuses=[Reason.UNKNOWN_ENTRY, Reason.NOT_YOURS],
    )
    def withdraw(info_hash: str, who: Holder) -> None:
        """Withdraw what one has published; an organiser may withdraw anything. Its swarm ends."""
        services.catalogue.withdraw(parse_info_hash(info_hash), who.identity)


def parse_info_hash(text: str) -> bytes:
    """Return the 32 bytes of an info hash in a path; raise the refusal that says there is no such entry."""
    if not _HEX.fullmatch(text):
        raise unknown_entry()
    return bytes.fromhex(text)
