"""Hooks into running objects that can be taken off again, and times that cost the device no synchronisation."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch


class Hooks:
    """Replacements of callables, undone in reverse order."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def wrap(self, owner: Any, name: str, hook: Callable[..., Any]) -> None:
        """Let `hook(original, *args, **kwargs)` stand in for `owner.name`."""
        original = getattr(owner, name)
        own = name in vars(owner)

        def hooked(*args: Any, **kwargs: Any) -> Any:
            return hook(original, *args, **kwargs)

        setattr(owner, name, hooked)
        self._undo.append(lambda: setattr(owner, name, original) if own else delattr(owner, name))

    def close(self) -> None:
        """Undo them all."""
        while self._undo:
            self._undo.pop()()


class Mark(Protocol):
    """A moment of the engine's device."""

    def ms_until(self, later: Any) -> float:
        """Milliseconds between two marks that have passed."""

    def passed(self) -> bool:
        """Whether the device has come this far."""

    def wait(self) -> None:
        """Wait until it has."""


class HostMark:
    """A moment on a device that works in step with the host."""

    def __init__(self) -> None:
        self.time = time.perf_counter()

    def ms_until(self, later: "HostMark") -> float:
        """See `Mark`."""
        return (later.time - self.time) * 1e3

    def passed(self) -> bool:
        """Always."""
        return True

    def wait(self) -> None:
        """Nothing to wait for."""


class DeviceMark:
    """A moment in the work that was queued on a GPU."""

    def __init__(self) -> None:
        self.event: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        self.event.record()

    def ms_until(self, later: "DeviceMark") -> float:
        """See `Mark`."""
        return float(self.event.elapsed_time(later.event))

    def passed(self) -> bool:
        """See `Mark`."""
        return bool(self.event.query())

    def wait(self) -> None:
        """See `Mark`."""
        self.event.synchronize()


@dataclass(frozen=True)
class Timing:
    """When the parts of an engine step were over, and how much of it was the probe's.

    Attributes:
        drafting: start and end; None where nothing was drafted.
        time: of the end, time.monotonic().
        own_ms: the probe's own time, on the host.
    """

    start: Mark
    verified: Mark
    drafting: tuple[Mark, Mark] | None
    end: Mark
    time: float
    own_ms: float


class StepClock:
    """The times of the engine step under way."""

    def __init__(self, device: torch.device) -> None:
        self.mark: Callable[[], Mark] = DeviceMark if device.type == "cuda" else HostMark
        self.started: Mark = self.mark()
        self.verified: Mark = self.started
        self._drafting: tuple[Mark, Mark] | None = None
        self._own_ms = 0.0

    def start(self) -> None:
        """A step starts."""
        self.started = self.mark()
        self._drafting, self._own_ms = None, 0.0

    def verify(self) -> None:
        """The verifier has judged."""
        self.verified = self.mark()

    @contextmanager
    def drafting(self) -> Iterator[None]:
        """The draft works in here."""
        started = self.mark()
        yield
        self._drafting = started, self.mark()

    @contextmanager
    def own(self) -> Iterator[None]:
        """What is done in here is the probe's own work."""
        started = time.perf_counter()
        yield
        self._own_ms += (time.perf_counter() - started) * 1e3

    def stop(self) -> Timing:
        """The step is over."""
        return Timing(self.started, self.verified, self._drafting, self.mark(), time.monotonic(), self._own_ms)
