"""What a trace holds about one request."""

from dataclasses import dataclass, field

from eagle3_viz.counting import Tally
from eagle3_viz.events import RequestFailed, RequestFinished, RequestStarted, Step, StepsDropped


@dataclass(slots=True)
class RequestRecord:
    """All that happened to one request."""

    started: RequestStarted
    steps: list[Step] = field(default_factory=list)
    dropped: list[StepsDropped] = field(default_factory=list)
    ended: RequestFinished | RequestFailed | None = None
    tally: Tally = field(default_factory=Tally)
    output_token_ids: list[int] = field(default_factory=list)  # as far as the steps tell, cut tokens left out

    @property
    def num_dropped(self) -> int:
        """How many steps the source lost."""
        return sum(event.count for event in self.dropped)

    @property
    def next_index(self) -> int:
        """The index of the step that is due."""
        return len(self.steps) + self.num_dropped
