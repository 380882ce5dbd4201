"""Draw docs/images/swarms-*.svg from what ``swarmshare bench simulate --json`` printed.

    .venv/bin/swarmshare bench simulate --json > swarms.jsonl
    .venv/bin/python scripts/draw_swarms.py swarms.jsonl

By hand, because two line charts are no reason for a library with a dozen of its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 400, 60, 44, 170, 48
COLOURS = ("#1b6ca8", "#c8553d", "#3c8d53", "#8a5aa8", "#b8860b")


class Line(NamedTuple):
    """One line of a chart."""

    name: str
    colour: str
    dashed: bool
    points: list[tuple[float, float]]


def main() -> None:
    lines = Path(sys.argv[1]).read_text().splitlines()
    swarms = [event for event in map(json.loads, lines) if event["event"] == "swarm"]
    names = list(dict.fromkeys(swarm["scenario"] for swarm in swarms))
    complete, used = [], []
    for swarm in swarms:
        colour, dashed = COLOURS[names.index(swarm["scenario"]) % len(COLOURS)], not swarm["knows"]
        name = swarm["scenario"] + (", by lot" if dashed else "")
        count = len(swarm["finished"]) + swarm["unfinished"]
        curve = [(0.0, 0.0)]
        for number, seconds in enumerate(swarm["finished"]):
            curve += [(seconds / swarm["least"], number / count), (seconds / swarm["least"], (number + 1) / count)]
        complete.append(Line(name, colour, dashed, curve))
        steps = len(swarm["used"])
        step = 1 / 50
        smooth = [
            sum(swarm["used"][max(0, at - 2) : at + 3]) / len(swarm["used"][max(0, at - 2) : at + 3])
            for at in range(steps)
        ]
        used.append(Line(name, colour, dashed, [((at + 0.5) * step, share) for at, share in enumerate(smooth)]))
    draw("swarms-complete", "Peers that are complete", complete)
    draw("swarms-links", "Links in use", used)


def draw(name: str, title: str, lines: list[Line]) -> None:
    """Draw a chart of shares, over times the least time."""
    most = max(x for line in lines for x, _ in line.points) * 1.02
    inner = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(x: float, y: float) -> str:
        return f"{LEFT + x / most * inner[0]:.1f},{TOP + (1 - min(y, 1.0)) * inner[1]:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="26" font-size="16" font-weight="bold">{title}</text>',
    ]
    for tenth in range(0, 11, 2):
        x, y = place(0, tenth / 10).split(",")
        parts.append(f'<path d="M{x} {y}H{WIDTH - RIGHT}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{float(y) + 4:.1f}" text-anchor="end">{tenth * 10}%</text>')
    every = 0.25 if most < 3 else 0.5 if most < 6 else 1.0
    for number in range(int(most / every) + 1):
        x, y = place(number * every, 0).split(",")
        colour = "#888888" if number * every == 1 else "#eeeeee"
        parts.append(f'<path d="M{x} {TOP}V{y}" stroke="{colour}"/>')
        parts.append(f'<text x="{x}" y="{float(y) + 18:.1f}" text-anchor="middle">{number * every:g}</text>')
    middle = LEFT + inner[0] / 2
    parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 8}" text-anchor="middle">times the least time</text>')
    for at, line in enumerate(lines):
        dash = ' stroke-dasharray="5 4"' if line.dashed else ""
        stroke = f'fill="none" stroke="{line.colour}" stroke-width="1.6"{dash}'
        parts.append(f'<polyline {stroke} points="{" ".join(place(*point) for point in line.points)}"/>')
        key = TOP + 10 + 18 * at
        parts.append(f'<path {stroke} d="M{WIDTH - RIGHT + 12} {key}h26"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 44}" y="{key + 4}">{line.name}</text>')
    (IMAGES / f"{name}.svg").write_text("\n".join([*parts, "</svg>", ""]))


if __name__ == "__main__":
    main()
