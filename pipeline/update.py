"""What a session hands on after each piece of its recording: to the files, the screens and the summary."""

from dataclasses import dataclass, field

from pipeline.blocks import Bytes, LegBlock
from pipeline.records import Side
from pipeline.rows import EpisodeRow, RaisedEvent, StepRow


@dataclass(frozen=True, slots=True)
class LegResult:
    """The angles of one leg and the activity (codes of `Activity`, (n,)) of each row: provisional when causal."""

    side: Side
    block: LegBlock
    activity: Bytes


@dataclass(frozen=True, slots=True)
class Update:
    """Everything that became known with one call, in order of time within each list."""

    legs: list[LegResult] = field(default_factory=list)
    steps: list[StepRow] = field(default_factory=list)
    episodes: list[EpisodeRow] = field(default_factory=list)
    events: list[RaisedEvent] = field(default_factory=list)
