"""What is known about one request: as much as its next event is checked against, and all that happened to it."""

from dataclasses import dataclass, field
from typing import Any

from eagle3_viz.counting import Tally
from eagle3_viz.events import RequestFailed, RequestFinished, RequestStarted, Step, StepsDropped


@dataclass(slots=True)
class Progress:
    """How far a request is, without its steps.

    Attributes:
        tally: the counts over its steps.
        output_token_ids: as far as the steps tell, cut tokens left out.
        num_steps: how many steps there were; lost ones are not among them.
        num_dropped: how many steps the source lost.
        stopped: a stop cut tokens of the last step.
    """

    tally: Tally = field(default_factory=Tally)
    output_token_ids: list[int] = field(default_factory=list)
    num_steps: int = 0
    num_dropped: int = 0
    stopped: bool = False

    @property
    def next_index(self) -> int:
        """The index of the step that is due."""
        return self.num_steps + self.num_dropped

    def add(self, step: Step) -> None:
        """Count one step."""
        self.num_steps += 1
        self.stopped = bool(step.num_cut)
        self.tally.add(step)
        self.output_token_ids.extend(step.emitted[: len(step.emitted) - step.num_cut])


@dataclass(slots=True)
class RequestRecord:
    """All that happened to one request."""

    started: RequestStarted
    progress: Progress
    steps: list[Step] = field(default_factory=list)
    dropped: list[StepsDropped] = field(default_factory=list)
    ended: RequestFinished | RequestFailed | None = None

    @property
    def tally(self) -> Tally:
        """The counts over its steps."""
        return self.progress.tally

    @property
    def output_token_ids(self) -> list[int]:
        """Its output as far as the steps tell, cut tokens left out."""
        return self.progress.output_token_ids

    @property
    def num_dropped(self) -> int:
        """How many steps the source lost."""
        return self.progress.num_dropped


def asked(messages: list[dict[str, Any]] | None, text: str) -> str:
    """What was asked: the last message's text where there are messages, else the raw text."""
    if not messages:
        return text
    content = messages[-1].get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part)
