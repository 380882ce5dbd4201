"""A real tracker behind TLS, with a certificate of the group's own authority: believed once somebody said so."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from cli.processes import call, event, start
from manifest.makers import encoded, good_doc
from tracker.trackers import PASSWORD
from tracker_client.certificates import AUTHORITY, GOOD
from waiting import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli.groups import Group


def pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(2**16):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def behind_tls(url: str, folder: Path) -> Iterator[str]:
    """What a proxy does in front of a tracker; gives the address with https."""
    (folder / "server.pem").write_text(GOOD)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    host, _, port = url.removeprefix("http://").rpartition(":")

    def serve(connection: socket.socket) -> None:
        with (
            suppress(OSError),
            context.wrap_socket(connection, server_side=True) as near,
            socket.create_connection((host, int(port))) as far,
        ):
            back = threading.Thread(target=pass_on, args=(far, near))
            back.start()
            pass_on(near, far)
            back.join()

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=accept)
        thread.start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def test_what_it_took_to_sign_in_is_remembered(group: Group, tmp_path: Path, top: Path) -> None:
    (tmp_path / "group.pem").write_text(AUTHORITY)
    (tmp_path / "password").write_text(PASSWORD)
    group.publish(encoded(good_doc()))
    with behind_tls(group.url, tmp_path) as url:
        login: tuple[Any, ...] = ("login", "--tracker", url, "--user", "Olga", "--password-file", "password")
        (refused,) = call(tmp_path, *login, expect=1)
        assert "its certificate cannot be trusted (unable to get local issuer certificate)" in refused["message"]
        assert call(tmp_path, *login, "--ca", "group.pem")[0]["user"] == "Olga"
        settings = {row["name"]: row["value"] for row in call(tmp_path, "config")[:-1]}
        assert settings["ca"] == str(tmp_path / "group.pem")
        assert call(tmp_path, "list")[-1]["entries"] == 1
        publishing = start(tmp_path, "publish", "top", "--seed", "--listen", "127.0.0.1:0")
        info_hash = event(publishing, "published")["info_hash"]
        try:
            live = False
            while not live:  # the live connection is made by itself, and there is no event of it
                assert not event(publishing, "progress")["tracker_problem"]
                live = any(one.get("live") for one in call(tmp_path, "swarm", info_hash))
        finally:
            publishing.terminate()
            publishing.communicate(timeout=TIMEOUT)
