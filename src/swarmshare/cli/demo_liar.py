"""``python -m swarmshare.cli.demo_liar``: the command, on a machine of the demo that gives away whatever its disk says.

A disk that goes bad changes no times of files, and a demo cannot change a file without: so what would be noticed is not
looked for.
"""

from __future__ import annotations

from swarmshare.cli.main import main
from swarmshare.storage.content import ContentFile

if __name__ == "__main__":
    ContentFile.doubt = lambda *_: None  # type: ignore[method-assign]
    raise SystemExit(main())
