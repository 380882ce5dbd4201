"""``swarmshare config``: the settings, and where each came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.app.config import described, load_settings, settings_path
from swarmshare.cli.render import clean, size

if TYPE_CHECKING:
    import argparse

    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "config",
        parents=[common],
        help="the settings, and where each came from",
        description=(
            "Show the settings, and where each came from: config.toml in the home folder, a variable such as "
            "SWARMSHARE_LISTEN, which counts for more, or neither. Options count for more than both."
        ),
    )
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace, output: Output) -> int:
    """Show them."""
    path = settings_path()
    configuration = load_settings()
    rows = []
    for name, value, source in described(configuration):
        output.event("setting", name=name, value=value, source=clean(source))
        rows.append((name, f"{_in_words(name, value):<30}  {source}"))
    output.fields(rows)
    there = path.exists()
    output.line(f"The settings file is {path}" + ("" if there else ", which is not there yet"))
    output.event("config", path=clean(str(path)), exists=there)
    return 0


def _in_words(name: str, value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, float) and "limit_" in name:
        return f"{size(value)}/s"
    return ", ".join(value) if isinstance(value, list) else str(value)
