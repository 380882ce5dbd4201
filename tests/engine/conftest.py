"""Fixtures of the engine's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from engine.network import open_network

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engine.network import Network
    from trio.testing import MockClock


@pytest.fixture
async def network(autojump_clock: MockClock) -> AsyncIterator[Network]:
    """A network in memory; a test that takes it takes ``autojump_clock``, too, or its clock would be the system's."""
    async with open_network() as network:
        yield network
