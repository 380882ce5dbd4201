"""A client session in a process of its own, with a tracker on this machine, to be killed."""

from __future__ import annotations

import sys
import time

from swarmshare.app import local_tracker
from swarmshare.app.thread import SessionThread


def main(port: int) -> None:
    local_tracker.PORT = port  # type: ignore[misc]
    thread = SessionThread()
    thread.submit(lambda session: session.group.start_tracker).result()
    while not (thread.snapshot and thread.snapshot.local_tracker and thread.snapshot.local_tracker.url):
        time.sleep(0.01)
    print("listens", flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main(int(sys.argv[1]))
