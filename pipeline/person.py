"""Whose session it is: a pseudonym that only the person or the clinic can resolve, never a name.

Letters, digits, hyphens and underscores, so that it is no path, no pattern and no markup wherever it is written. It is
kept in small letters, so that `P07` and `p07` are one person when sessions are gathered, and when they are deleted.
"""

import re
from collections.abc import Mapping

from pipeline.errors import BadInputError

KEY = "person"
"""The key in a recording's `meta`, in summary.json and in a profile."""
_FORM = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def person_id(text: str) -> str:
    """The id as it is kept. Raises BadInputError where it is none."""
    found = known_person(text)
    if found is None:
        raise BadInputError(
            f"{text!r} is no person id: take a pseudonym of up to 32 letters, digits, hyphens and underscores, no name"
        )
    return found


def known_person(value: object) -> str | None:
    """An id as a file holds it; None where there is none, or what is there cannot be one."""
    if not isinstance(value, str):
        return None
    text = value.strip().lower()
    return text if _FORM.fullmatch(text) else None


def person_of(meta: Mapping[str, str], asked: str | None, name: str) -> str | None:
    """Whose recording it is: as it says itself, else as the call says; None where neither does.

    Raises BadInputError where the two differ. name: of the recording, for the message.
    """
    own = known_person(meta.get(KEY))
    if own and asked and own != asked:
        raise BadInputError(f"{name} is a recording of person {own}, not of {asked}: leave --person out")
    return own or asked
