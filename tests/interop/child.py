"""One libtorrent in a process of its own, because two versions do not fit into one: :mod:`interop.peers` starts it.

Each line of its standard input is a JSON list of a command and its arguments; each is answered by a line, with a
``result`` or with libtorrent's ``error``. Bytes are hexadecimal. It ends with its standard input.
"""

from __future__ import annotations

import ast
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import libtorrent as lt

# Newer versions deprecate what the oldest has instead.
warnings.simplefilter("ignore", DeprecationWarning)


class Client:
    """What libtorrent makes of manifests and links; and a peer, with one session and one torrent."""

    def __init__(self) -> None:
        self.session: Any = None
        self.handle: Any = None

    def version(self) -> str:
        return str(lt.__version__)

    # ------------------------------------------------------------------ manifests and links

    def bencode(self, value: str) -> str:
        """The encoding of a value that comes as Python writes it."""
        return lt.bencode(ast.literal_eval(value)).hex()

    def create(self, root: str, piece_length: int, hybrid: bool, links: bool = False, authority: str = "") -> str:
        """A manifest of the file or folder ``root``; with ``links`` they are links in it, too.

        With the certificate of an ``authority`` (PEM) it is an SSL torrent.
        """
        flags = lt.create_torrent.canonical_files if hybrid else lt.create_torrent.v2_only
        if links:
            flags |= lt.create_torrent.symlinks
        if hasattr(lt, "list_files"):
            files: Any = lt.list_files(root, flags=flags)
        else:
            files = lt.file_storage()
            lt.add_files(files, root, flags=flags)
        torrent = lt.create_torrent(files, piece_length, flags)
        if authority:
            torrent.set_root_cert(authority)
        lt.set_piece_hashes(torrent, str(Path(root).parent))
        return lt.bencode(torrent.generate()).hex()

    def load(self, torrent: str) -> dict[str, Any]:
        """What a manifest says; ``paths`` is where its files land."""
        params = lt.load_torrent_buffer(bytes.fromhex(torrent))
        info: Any = params.ti
        storage = info.layout() if hasattr(info, "layout") else info.files()
        files = [i for i in range(storage.num_files()) if not storage.file_flags(i) & lt.file_flags_t.flag_pad_file]
        return {
            **_hashes(params),
            "name": info.name(),
            "pieces": info.num_pieces(),
            "paths": [storage.file_path(i) for i in files],
            "links": {
                storage.file_path(i): storage.symlink(i)
                for i in files
                if storage.file_flags(i) & lt.file_flags_t.flag_symlink
            },
            "magnet": lt.make_magnet_uri(params),
        }

    def load_magnet(self, link: str) -> dict[str, Any]:
        """What a magnet link says."""
        params = lt.parse_magnet_uri(link)
        return {**_hashes(params), "name": params.name, "trackers": list(params.trackers)}

    # ------------------------------------------------------------------ a peer

    def open(self, listen: str, settings: dict[str, Any]) -> int:
        """Open a session that talks to nobody but those it is told of; returns its port."""
        kinds = lt.alert.category_t
        pack: Any = {
            "listen_interfaces": listen,
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "enable_incoming_utp": False,
            "enable_outgoing_utp": False,
            "allow_multiple_connections_per_ip": True,
            "alert_mask": kinds.tracker_notification | kinds.error_notification | kinds.peer_notification,
            "ssrf_mitigation": False,  # or it does not scrape a tracker on loopback
            **settings,
        }
        self.session = lt.session(pack)
        return int(self.session.listen_port() or self.session.ssl_listen_port())

    def add(self, source: str, folder: str, seed: bool) -> None:
        """Start a torrent, from a manifest or a magnet link; a seed does not look at its files first."""
        is_link = source.startswith("magnet:")
        params = lt.parse_magnet_uri(source) if is_link else lt.load_torrent_buffer(bytes.fromhex(source))
        params.save_path = folder
        params.flags &= ~(lt.torrent_flags.paused | lt.torrent_flags.auto_managed)
        if seed:
            params.flags |= lt.torrent_flags.seed_mode
        self.handle = self.session.add_torrent(params)

    def certify(self, certificate: str, key: str) -> None:
        """Give the torrent, an SSL torrent, the files of our certificate; without it, it shows none."""
        self.handle.set_ssl_certificate(certificate, key, "")

    def connect(self, host: str, port: int) -> None:
        """Dial a peer, in plain text."""
        self.handle.connect_peer((host, port), 0, 0)

    def call(self, method: str, *arguments: Any) -> None:
        """Call a method of the torrent's handle."""
        getattr(self.handle, method)(*arguments)

    def status(self) -> dict[str, Any]:
        status = self.handle.status()
        names = ("is_seeding", "num_pieces", "list_peers", "total_payload_download", "total_payload_upload")
        return {"state": str(status.state), **{name: getattr(status, name) for name in names}}

    def alerts(self) -> list[dict[str, Any]]:
        """What trackers said since this was asked last."""
        found: list[dict[str, Any]] = []
        for alert in self.session.pop_alerts():
            if isinstance(alert, lt.peer_error_alert | lt.peer_disconnected_alert):
                found.append({"kind": "peer", "reason": str(alert.error.message())})
            elif isinstance(alert, lt.tracker_error_alert):
                found.append({"kind": "tracker error", "reason": alert.failure_reason()})
            elif isinstance(alert, lt.scrape_reply_alert):
                found.append({"kind": "scrape", "complete": alert.complete, "incomplete": alert.incomplete})
        return found


def _hashes(params: Any) -> dict[str, str]:
    return {"v2": params.info_hashes.v2.to_bytes().hex(), "v1": params.info_hashes.v1.to_bytes().hex()}


def main() -> None:
    client = Client()
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = {"result": getattr(client, name)(*arguments)}
        except RuntimeError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
