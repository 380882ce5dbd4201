"""The bench of the window runs; its figures are for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.bench.gui import TABLE_STEPS, bench_gui

if TYPE_CHECKING:
    from swarmshare.bench.contest import Spread


def test_every_figure_is_there(display: str) -> None:
    figures = bench_gui((100,), (10,), 48 * 2**20, starts=1, downloads=1)

    def is_real(spread: Spread) -> bool:
        return 0 < spread.low <= spread.mid <= spread.high

    assert is_real(figures.start)
    assert is_real(figures.redraw[100])
    assert set(figures.tables[10]) == set(TABLE_STEPS)
    assert all(map(is_real, figures.tables[10].values()))
    assert len(figures.window) == len(figures.headless) == 1
    assert figures.headless[0].seconds > 0
    middle, late, most = figures.stalls
    assert 0 <= middle <= late <= most
