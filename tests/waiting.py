"""How long a test waits for what must come."""

from __future__ import annotations

from typing import Final

TIMEOUT: Final = 240.0
"""Seconds until a test that waits for an event gives up.

It says nothing about speed: it only ends a test that would wait for ever. A busy machine (a dozen programs on two
cores) takes half a minute to start a tracker, so a bound that a person would think generous made tests fail there.
"""
