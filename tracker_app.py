"""Start the tracker from a clone: the same as `swarmshare tracker`."""

import sys

from swarmshare.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["tracker", *sys.argv[1:]]))
