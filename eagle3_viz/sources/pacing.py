"""Waiting that a stop interrupts."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Sleep = Callable[[float], Awaitable[None]]


async def pause(sleep: Sleep, seconds: float, stop: asyncio.Event | None) -> bool:
    """Sleep, or less where `stop` is set meanwhile; returns whether it is set."""
    waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(sleep(seconds))]
    if stop:
        waits.append(asyncio.ensure_future(stop.wait()))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return stop is not None and stop.is_set()
