"""Start the window from a clone: the same as `swarmshare gui`."""

import sys

from swarmshare.cli.main import main

if __name__ == "__main__":
    sys.argv.insert(1, "gui")
    sys.exit(main())
