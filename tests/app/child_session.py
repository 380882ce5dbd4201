"""A client session in a process of its own, to be killed: it starts the downloads that its arguments name."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from swarmshare.app.thread import SessionThread


def main(manifest: Path, folder: Path) -> None:
    thread = SessionThread()
    thread.submit(
        lambda session: session.transfers.limit,
        [thread.submit(lambda session: session.open_manifest, manifest.read_bytes(), folder).result()],
        None,
        2**20,
    )
    while not (thread.snapshot and any(line.bytes_done for line in thread.snapshot.transfers)):
        time.sleep(0.01)
    print("some", flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
