"""``bench tracker`` runs, and finds something."""

from __future__ import annotations

import json
import subprocess
import sys


def test_every_figure_is_measured() -> None:
    command = [sys.executable, "-m", "swarmshare", "bench", "tracker", "--json"]
    done = subprocess.run(
        [*command, "--peers", "20", "--swarms", "2", "--seconds", "0.5"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    figures = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(figures) == 8
    assert all(figure["value"] > 0 for figure in figures), figures
    assert figures[-1]["label"] == "pushes there"
    assert sum(len(figure["latency"]) for figure in figures) == 8
