"""QR codes in the terminal, for a telephone or another machine's camera."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swarmshare.cli.render import Output


def show_qr_code(text: str, output: Output) -> None:
    """Print ``text`` as a QR code on a terminal that can show one; nothing anywhere else."""
    if not sys.stdout.isatty():
        return
    import segno

    drawn = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out=drawn, compact=True)
    lines = drawn.getvalue().splitlines()
    try:
        "".join(lines).encode(sys.stdout.encoding)
    except UnicodeEncodeError:  # blocks that this terminal does not have: it has the link above
        return
    for line in lines:
        output.line(line)
