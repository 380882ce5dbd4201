"""The bench of the window runs; its figures are for people."""

from __future__ import annotations

from swarmshare.bench.contest import Spread
from swarmshare.bench.gui import TABLE_STEPS, Download, WindowFigures, bench_gui


def test_every_figure_is_there(display: str) -> None:
    figures = bench_gui((100,), (10,), 48 * 2**20, starts=1, downloads=1)
    assert set(figures.redraw) == {100}
    assert set(figures.tables) == {10}
    assert set(figures.tables[10]) == set(TABLE_STEPS)
    for spread in (figures.start, figures.redraw[100], *figures.tables[10].values()):
        assert spread.low > 0
    (with_window,), (without,) = figures.window, figures.headless
    assert min(with_window.seconds, without.seconds) > 0
    assert len(with_window.stalls) > 1, "Tk's loop was looked at while it downloaded"
    assert min(with_window.stalls) >= 0
    assert without.stalls == []


def test_stalls_are_those_of_all_downloads_with_a_window() -> None:
    spread = Spread.of([3.0, 1.0, 2.0])
    assert spread == Spread(1.0, 2.0, 3.0)
    late = [float(number) for number in range(101)]
    downloads = [Download(1.0, late[60:]), Download(1.0, late[:60])]
    figures = WindowFigures(start=spread, redraw={}, tables={}, window=downloads, headless=[Download(1.0, [500.0])])
    assert figures.stalls == (50.0, 99.0, 100.0)
