"""Draw docs/images/terminal.svg from a run of the demo, as it is on a terminal.

    .venv/bin/python scripts/draw_image.py

A liar takes part, and downloads are shown when two thirds are there.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from copy import copy
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from swarmshare.cli.demo_view import MachineStats, render_stats

WIDTH = 104
MOMENT = 2 / 3, 0.95
IMAGE = Path(__file__).resolve().parent.parent / "docs" / "images" / "terminal.svg"
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)  # an image fetches nothing
FORMAT = FORMAT.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace")
SHORTER = (
    (re.compile(r"\b[0-9a-f]{64}\b"), lambda found: f"{found[0][:8]}\u2026"),
    (re.compile(r"setup_\S+"), lambda _: "setup_\u2026"),
    (re.compile(r" --listen 127\.0\.0\.1:0"), lambda _: ""),
)
LEFT_OUT = re.compile(r"(?:ben|cho|dee|eve)\$ swarmshare register|Tracker at")


def main() -> None:
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text("$ ", "bold green").append("swarmshare demo --sabotage", "default"))
    draw(console)
    IMAGE.write_text(console.export_svg(title="SwarmShare", code_format=FORMAT, unique_id="swarmshare"))


def draw(console: Console) -> None:
    machines: dict[str, MachineStats] = {}
    moment: list[MachineStats] = []
    with subprocess.Popen(
        [sys.executable, "-m", "swarmshare", "demo", "--sabotage", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as demo:  # fmt: skip
        assert demo.stdout is not None
        for line in demo.stdout:
            if not line.startswith("{"):
                write(console, line.rstrip("\n"))
                continue
            event = json.loads(line)
            if event["event"] == "step" and moment:
                console.print(render_stats(moment, WIDTH))
                moment.clear()
                machines.clear()
            elif event["event"] == "progress" and "pieces_done" in event:
                machines.setdefault(event["machine"], MachineStats(event["machine"])).update(event)
                if not moment and MOMENT[0] < leech(machines).share < MOMENT[1]:
                    moment += sorted(map(copy, machines.values()), key=lambda machine: machine.name)
    assert demo.returncode == 0


def leech(machines: dict[str, MachineStats]) -> MachineStats:
    """Whose progress is looked at: the last of those that are not complete."""
    return next((m for m in reversed(machines.values()) if not m.complete), next(iter(machines.values())))


def write(console: Console, line: str) -> None:
    for pattern, shorter in SHORTER:
        line = pattern.sub(shorter, line)
    if LEFT_OUT.match(line.strip()):
        return
    if command := re.match(r"[a-z]+\$ ", line):
        text = Text(command[0], "green").append(line[command.end() :], "default")
    else:
        liar = any(word in line for word in ("bans", "banned", "spoiled", "were changed"))
        text = Text(line, "yellow" if liar else "default" if line.startswith(" ") else "bold")
    text.truncate(WIDTH, overflow="ellipsis")
    console.print(text, no_wrap=True)


if __name__ == "__main__":
    main()
