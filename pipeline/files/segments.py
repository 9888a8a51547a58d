"""Which segment and side a file or a device belongs to, by the words in its name."""

import re

from pipeline.records import Segment, Side

_WORDS = {
    Segment.THIGH: ("thigh", "femur", "upper leg", "upleg", "upperleg"),
    Segment.SHANK: ("shank", "tibia", "lower leg", "lowleg", "lowerleg", "calf"),
}
_SIDES = {Side.LEFT: ("left", "l"), Side.RIGHT: ("right", "r")}


def segment_of(name: str) -> Segment | None:
    """The segment that the name speaks of; None where it names none or both."""
    text = _words(name)
    found = [segment for segment, words in _WORDS.items() if any(word in text for word in words)]
    return found[0] if len(found) == 1 else None


def side_of(name: str) -> Side | None:
    """The side that the name speaks of; None where it names none or both."""
    words = set(_words(name).split())
    found = [side for side, names in _SIDES.items() if words.intersection(names)]
    return found[0] if len(found) == 1 else None


def sibling_names(stem: str) -> set[str]:
    """The names (lower case, without suffix) that the other segment's file of the same recording may have."""
    low = stem.lower()
    names = set()
    for own, other in ((Segment.THIGH, Segment.SHANK), (Segment.SHANK, Segment.THIGH)):
        for word in _WORDS[own]:
            for mark in (" ", "_", "-"):
                if (here := word.replace(" ", mark)) in low:
                    names |= {low.replace(here, there.replace(" ", mark)) for there in _WORDS[other]}
    return names


def _words(name: str) -> str:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.sub(r"[^a-z]+", " ", apart.lower()).strip()
