"""A tracker with an organiser, whom tests may let act over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests
from waiting import TIMEOUT

if TYPE_CHECKING:
    from tracker.trackers import Server


class Group:
    """A tracker with an organiser, to whom whoever tests may turn over HTTP."""

    def __init__(self, server: Server, token: str) -> None:
        self.url = server.url
        self.token = token

    def ask(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        response = requests.request(method, f"{self.url}/api/v1{path}", headers=headers, timeout=TIMEOUT, **options)
        assert response.ok, response.text
        return response.json() if response.content else None

    def invite(self) -> str:
        secret: str = self.ask("POST", "/invitations", json={})["secret"]
        return secret

    def publish(self, data: bytes) -> None:
        self.ask("POST", "/catalogue", data=data, headers={"Content-Type": "application/x-bittorrent"})

    def announce(self, wire_hash: bytes, port: int, left: int) -> None:
        hashed = "".join(f"%{byte:02x}" for byte in wire_hash)
        query = f"info_hash={hashed}&peer_id={port:020}&port={port}&uploaded=0&downloaded=0&left={left}"
        assert b"failure reason" not in requests.get(f"{self.url}/announce?{query}", timeout=TIMEOUT).content
