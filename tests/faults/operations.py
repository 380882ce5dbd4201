"""What a tracker must not lose once it was acknowledged, as functions for :mod:`faults.runner`."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from manifest.makers import encoded, folder_doc
from tracker.trackers import PASSWORD, tracker_in

from swarmshare.tracker.app import EXTENSION, create_app
from swarmshare.tracker.config import TrackerConfig
from swarmshare.tracker.domain.database import FILE_NAME

ENTRIES = 4


def make_tracker(folder: str) -> None:
    """A tracker with an organiser, Olga."""
    with tracker_in(Path(folder) / "tracker"):
        pass


def work(folder: str) -> None:
    """Let Olga publish, invite and withdraw; each acknowledgement is printed as soon as it is there.

    What is refused because the disk fails is tried no more.
    """
    app = create_app(TrackerConfig(data=Path(folder) / "tracker", password_memory=2**16))
    client: Any = app.test_client()  # whose answers have JSON
    headers: dict[str, str] = {}

    def ask(what: str, method: str, path: str, expect: int, **arguments: Any) -> Any:
        answer = client.open(f"/api/v1{path}", method=method, headers=headers, **arguments)
        assert answer.status_code in (expect, 503, 507), answer.text
        if answer.status_code != expect:
            return None
        print(json.dumps({"event": what, "path": path, "answer": answer.json}), flush=True)
        return answer.json

    signed_in = ask("signed in", "POST", "/tokens", 201, json={"name": "Olga", "password": PASSWORD})
    if signed_in is None:
        return
    headers["Authorization"] = f"Bearer {signed_in['token']['secret']}"
    for number in range(ENTRIES):
        manifest = encoded(folder_doc({b"file%d" % number: 20_000 + number, b"more": 12}))
        entry = ask("published", "POST", "/catalogue", 201, data=manifest, content_type="application/x-bittorrent")
        if entry is not None and number % 2:
            ask("withdrawn", "DELETE", f"/catalogue/{entry['info_hash']}", 204)
        ask("invited", "POST", "/invitations", 201, json={})
    app.extensions[EXTENSION].close()


def look(folder: str) -> None:
    """Print the info hashes of the catalogue, as a tracker that starts again reads them."""
    app = create_app(TrackerConfig(data=Path(folder) / "tracker", password_memory=2**16))
    client: Any = app.test_client()
    signed_in = client.post("/api/v1/tokens", json={"name": "Olga", "password": PASSWORD})
    headers = {"Authorization": f"Bearer {signed_in.json['token']['secret']}"}
    entries = client.get("/api/v1/catalogue?limit=100", headers=headers).json["entries"]
    invitations = client.get("/api/v1/invitations", headers=headers).json["invitations"]
    print(json.dumps({"entries": entries, "invitations": invitations}))
    app.extensions[EXTENSION].close()
    with closing(sqlite3.connect(Path(folder) / "tracker" / FILE_NAME)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
