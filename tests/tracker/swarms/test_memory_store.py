"""The memory store keeps every promise."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from tracker.swarms.store_contract import StoreContract, StoreMachine
from tracker.times import Times

from swarmshare.tracker.swarms.store import memory, state
from swarmshare.tracker.swarms.store.memory import MemorySwarmStore

if TYPE_CHECKING:
    from swarmshare.tracker.swarms.store.base import SwarmStore


class TestMemorySwarmStore(StoreContract):
    @pytest.fixture
    def store(self, times: Times) -> SwarmStore:
        return MemorySwarmStore(random.Random(1), times.clock)

    def modules_with_limits(self) -> tuple[Any, ...]:
        return (memory, state)


class MemoryMachine(StoreMachine):
    def make_store(self) -> SwarmStore:
        return MemorySwarmStore(random.Random(1), Times().clock)


TestAnyHistory = MemoryMachine.TestCase
