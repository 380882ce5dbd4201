"""Start the tracker from a clone: the same as `swarmshare tracker`."""

from gevent import monkey

monkey.patch_all()  # first of all: what is imported below must find the sockets and locks that gevent knows

import sys  # noqa: E402

from swarmshare.cli.main import main  # noqa: E402

if __name__ == "__main__":
    sys.argv.insert(1, "tracker")
    sys.exit(main())
