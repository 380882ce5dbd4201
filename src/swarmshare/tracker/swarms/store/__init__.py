"""The places where the state of all swarms can be kept: what each must promise, and which one a tracker uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.tracker.swarms.store.memory import MemorySwarmStore

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from swarmshare.tracker.config import TrackerConfig
    from swarmshare.tracker.swarms.store.base import SwarmStore


def open_store(config: TrackerConfig, rng: random.Random, clock: Callable[[], float]) -> SwarmStore:
    """Return the store that the configuration asks for.

    Only the memory of this process is there today. A store that several processes share belongs here: its address
    becomes a field of the configuration, and this function the only one that knows both.

    Args:
        config: The configuration of the tracker.
        rng: Gives the numbers of epochs, which must differ from those before a restart.
        clock: Measures the time of a store in this process, in seconds; a shared one has the clock of its server.
    """
    return MemorySwarmStore(rng, clock)
