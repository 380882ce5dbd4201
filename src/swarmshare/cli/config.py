"""``swarmshare config``: the settings, where each came from, and changing one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.cli.render import size
from swarmshare.common.text import clean

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
    actions = parser.add_subparsers(metavar="set|unset")
    set_ = actions.add_parser(
        "set",
        parents=[common],
        help="write one into the file",
        description="Write a setting into config.toml; comments in it stay. Lists are separated by commas.",
    )
    set_.add_argument("name", metavar="KEY", help="such as folder, listen or limit_up")
    set_.add_argument("value", metavar="VALUE", help="such as ~/Shared, '*:6881' or 5MiB")
    set_.set_defaults(run=run_set)
    unset = actions.add_parser(
        "unset", parents=[common], help="take one out of the file", description="Take a setting out of config.toml."
    )
    unset.add_argument("name", metavar="KEY")
    unset.set_defaults(run=run_unset)


def run(_arguments: argparse.Namespace, output: Output) -> int:
    """List all settings, and where the value of each came from."""
    from swarmshare.app.config import described, load_settings, settings_path

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


def run_set(arguments: argparse.Namespace, output: Output) -> int:
    """Write one setting into config.toml, after checking its value."""
    from swarmshare.app.config import read_setting

    return _change(arguments.name, read_setting(arguments.name, arguments.value), output)


def run_unset(arguments: argparse.Namespace, output: Output) -> int:
    """Take one setting out of config.toml, so that its default counts again."""
    from swarmshare.app.config import require_setting

    require_setting(arguments.name)
    return _change(arguments.name, None, output)


def _change(name: str, value: object, output: Output) -> int:
    from swarmshare.app.config import described
    from swarmshare.app.settings_file import change_settings  # what writes TOML takes longer to load than all the rest

    configuration = change_settings({name: value})
    _, now, source = next(row for row in described(configuration) if row[0] == name)
    output.event("setting", name=name, value=now, source=clean(source))
    output.line(f"{name} is {_in_words(name, now)} now ({source})")
    return 0


def _in_words(name: str, value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, float) and "limit_" in name:
        return f"{size(value)}/s"
    return ", ".join(value) if isinstance(value, list) else str(value)
