"""The log: one line an event, whatever strangers are called, and nothing unless it is asked for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from swarmshare.cli import logs
from swarmshare.cli.logs import OneLine, start_logging

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The package's logger, put back as it was at the end."""
    logger = logging.getLogger("swarmshare")
    before = logger.handlers[:], logger.level, logger.propagate
    yield logger
    for handler in logger.handlers[:]:
        if handler not in before[0]:
            handler.close()
    logger.handlers[:], logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


def test_a_name_cannot_forge_a_line() -> None:
    record = logging.LogRecord("swarmshare.engine", logging.INFO, "", 0, "peer %s", ("a\nb\x1b[2J \u202ec é",), None)
    line = OneLine().format(record)
    assert line.endswith("INFO swarmshare.engine: peer a\\nb\\x1b[2J \\u202ec é")


def test_the_file_is_rotated(tmp_path: Path, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 200)
    start_logging(None, tmp_path / "log")
    for number in range(50):
        logger.info("event %d", number)
        logger.debug("not asked for")
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["log", "log.1", "log.2", "log.3"]
    assert all(path.stat().st_size <= 200 for path in tmp_path.iterdir())
    text = (tmp_path / "log").read_text()
    assert "event 49" in text
    assert "not asked for" not in text


def test_a_command_logs_where_it_is_told(run: Any, tmp_path: Path, logger: logging.Logger) -> None:
    (error,) = run("show", "nowhere", "--log-file", tmp_path / "no folder" / "log", expect=1)
    assert "no folder" in error["message"]
    run("show", "nowhere", "--log-file", tmp_path / "log", "--log-level", "debug", expect=1)
    assert (tmp_path / "log").exists()
    assert logger.level == logging.DEBUG
