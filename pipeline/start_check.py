"""The short check before a session: three questions, ticked or not. No diagnosis is made from it.

Stored as an event of the kind `check` with the booleans `pain`, `swelling` and `giving_way`, so that it is part of the
recording, comes back in every replay, and stands in events.jsonl; summary.json repeats the last one as `check`. Whoever
asks (terminal, dashboard) makes a `Check` and records its `fields()`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

KIND = "check"
QUESTIONS = {
    "pain": "Does the knee hurt today?",
    "swelling": "Is the knee swollen?",
    "giving_way": "Has the knee given way since the last session?",
}
ADVICE = "Pain, swelling or giving way are reasons to stop and to seek professional advice."
_WORDS = {"pain": "pain", "swelling": "swelling", "giving_way": "giving way"}


@dataclass(frozen=True, slots=True)
class Check:
    """What the person ticked."""

    pain: bool = False
    swelling: bool = False
    giving_way: bool = False

    @property
    def any(self) -> bool:
        """Whether anything was ticked."""
        return self.pain or self.swelling or self.giving_way

    def fields(self) -> dict[str, bool]:
        """The fields of the event."""
        return asdict(self)

    def words(self) -> str:
        """What was ticked, in words; empty where nothing was."""
        ticked = [_WORDS[name] for name, value in asdict(self).items() if value]
        return " and ".join([", ".join(ticked[:-1]), ticked[-1]]) if len(ticked) > 1 else "".join(ticked)

    @staticmethod
    def from_fields(fields: object) -> "Check | None":
        """A check as it was stored; None where it is none. What is not plainly true counts as not ticked."""
        if not isinstance(fields, Mapping) or not any(name in fields for name in _WORDS):
            return None
        return Check(**{name: fields.get(name) is True for name in _WORDS})
