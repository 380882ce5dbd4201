"""``python -m swarmshare``: the same as the ``swarmshare`` command."""

from swarmshare.cli.main import main

raise SystemExit(main())
