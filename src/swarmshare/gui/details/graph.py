"""The graph of the last minutes' rates as an image, smooth because it is drawn larger than it is shown. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw

from swarmshare.gui.viewmodel.speeds import WINDOW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmshare.gui.theme import Palette
    from swarmshare.gui.viewmodel.speeds import Sample

_FINE: Final = 2
"""Times as large."""
_SHADE: Final = 40
"""Of 255: how thick the colour below a line is."""


def graph_image(
    samples: Sequence[Sample], now: float, top: float, steps: int, width: int, height: int, palette: Palette
) -> Image.Image:
    """Lines of rates, for :data:`~swarmshare.gui.viewmodel.speeds.WINDOW` until ``now``, up to ``top`` a second."""
    wide, high = width * _FINE, height * _FINE
    image = Image.new("RGB", (wide, high), palette.background)
    draw = ImageDraw.Draw(image, "RGBA")
    for step in range(steps + 1):
        y = _y(top * step / steps, top, high)
        draw.line((0, y, wide, y), fill=palette.border, width=1)
    for minute in range(1, round(WINDOW / 60)):
        x = wide - minute * 60 / WINDOW * wide
        draw.line((x, 0, x, high), fill=palette.border, width=1)
    for rates, colour in (
        ([sample.up for sample in samples], palette.up),
        ([sample.down for sample in samples], palette.down),
    ):
        line = [
            (wide - (now - sample.at) / WINDOW * wide, _y(value, top, high))
            for sample, value in zip(samples, rates, strict=True)
        ]
        if len(line) > 1:
            red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
            draw.polygon([(line[0][0], high), *line, (line[-1][0], high)], fill=(red, green, blue, _SHADE))
            draw.line(line, fill=colour, width=2 * _FINE, joint="curve")
    return image.resize((width, height), Image.Resampling.BOX)


def _y(value: float, top: float, high: int) -> float:
    return high - _FINE - value / top * (high - 2 * _FINE)
