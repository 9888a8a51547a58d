"""Recordings that are a file for each sensor: which two belong together, and which one is the thigh's."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.errors import BadInputError
from pipeline.files.segments import segment_of, sibling_names
from pipeline.records import Segment

Recognise = Callable[[Path], bool]
"""Whether a file is of the kind; may raise BadInputError where it cannot be read."""


def find_pair(path: Path, is_kind: Recognise, tag_of: Callable[[Path], str]) -> tuple[Path, Path]:
    """A file and its sibling, thigh first: the same name with the other segment's word, or the folder's only other.

    is_kind, tag_of: see `thigh_then_shank`. Raises BadInputError where there is none or more than one.
    """
    folder = [other for other in sorted(path.parent.iterdir()) if other.suffix.lower() == path.suffix.lower()]
    others = [other for other in folder if other.name != path.name]
    wanted = sibling_names(path.stem)
    found = [other for other in others if other.stem.lower() in wanted and _is(other, is_kind)]
    if not found:
        found = [other for other in others if _is(other, is_kind)]
    if len(found) != 1:
        many = "several files could be" if found else "no file beside it is"
        raise BadInputError(f"{path} is one sensor of a pair and {many} the other: name both, thigh first")
    return thigh_then_shank([path, found[0]], tag_of)


def thigh_then_shank(paths: Sequence[Path], tag_of: Callable[[Path], str]) -> tuple[Path, Path]:
    """Two files in the order thigh, shank: by the words in their names, then in their tags, then as they are given.

    tag_of: what the file itself calls its sensor. Raises BadInputError where they are not one of each.
    """
    if len(paths) != 2 or paths[0] == paths[1]:
        raise BadInputError(f"{paths[0]}: a recording with a file a sensor is two different files, thigh and shank")
    segments = [segment_of(path.stem) or segment_of(tag_of(path)) for path in paths]
    if segments[0] is not None and segments[0] == segments[1]:
        raise BadInputError(
            f"{paths[0]} and {paths[1].name} are both {segments[0].value} sensors by their names: name one of each"
        )
    swapped = segments[0] is Segment.SHANK or segments[1] is Segment.THIGH
    return (paths[1], paths[0]) if swapped else (paths[0], paths[1])


def _is(path: Path, is_kind: Recognise) -> bool:
    try:
        return path.is_file() and is_kind(path)
    except BadInputError:
        return False
