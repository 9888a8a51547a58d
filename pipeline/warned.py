"""What a session warns of: kinds, what a person reads, and news of them as `status` events.

A warning begins and ends; each is one event with `warning` (the kind), `active` and `message`, at the session time at
which the data told it. What is not sure is no warning.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pipeline.records import Segment, Side
from pipeline.rows import RaisedEvent


class Warned(StrEnum):
    """The kinds."""

    LOW_BATTERY = "low_battery"
    WEAK_SIGNAL = "weak_signal"
    WRONG_RATE = "wrong_rate"
    WRONG_RANGE = "wrong_range"
    SWAPPED_SEGMENTS = "swapped_segments"
    CROSSED_LEGS = "crossed_legs"
    SWAPPED_SIDES = "swapped_sides"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is warned of, and where; no segment: the whole leg; no side: the session."""

    kind: Warned
    side: Side | None = None
    segment: Segment | None = None

    def __str__(self) -> str:
        return " ".join(part.value for part in (self.side, self.segment) if part is not None)


class Warnings:
    """The warnings that stand. Constant memory: one for each subject."""

    def __init__(self) -> None:
        self._active: dict[Subject, str] = {}

    @property
    def messages(self) -> list[str]:
        """One line each, as long as it stands."""
        return list(self._active.values())

    def active(self) -> Iterable[Subject]:
        """What is warned of now."""
        return tuple(self._active)

    def tell(self, subject: Subject, message: str, time_s: float) -> list[RaisedEvent]:
        """A warning stands with this message, or no longer where it is empty. The event, where that is news."""
        stood = subject in self._active
        if message:
            # The figures in a message may change without being news.
            self._active[subject] = message
        else:
            self._active.pop(subject, None)
        if stood == bool(message):
            return []
        fields: dict[str, object] = {"warning": subject.kind.value, "active": bool(message)}
        if subject.side is not None:
            fields["side"] = subject.side.value
        if subject.segment is not None:
            fields["segment"] = subject.segment.value
        return [RaisedEvent(time_s, "status", fields | ({"message": message} if message else {}))]
