"""The command line: one module per group of verbs, and :mod:`~swarmshare.cli.render` for all that is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import argparse

    Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
