"""Where each sensor was worn last time, kept in the user's data folder, so that nobody is asked twice.

One JSON file, readable by the user alone: side and segment by address. A remembered place is used only where a whole
leg is known and in range, and is said; should the sensors have been strapped on otherwise since, the session's warnings
tell (pipeline/swaps.py). The folder follows the system's custom; KNEETRACK_DATA in the environment overrides it.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from calibration.sensor_store import data_folder
from firmware_interface.scanning import Found
from pipeline.commands.assigning import Assigned, Place
from pipeline.records import Segment, Side

_FILE = "places.json"
_MOST = 64
"""Sensors that are remembered; the oldest are forgotten."""
_MAX_BYTES = 100_000


class Remembered:
    """The places of known sensors. What cannot be read is as if it were not there: it is only a convenience."""

    def __init__(self, folder: Path | None = None) -> None:
        self._path = (folder or data_folder()) / _FILE

    def places(self) -> dict[str, Place]:
        """Place by address, in lower case, the latest last."""
        try:
            if self._path.stat().st_size > _MAX_BYTES:
                return {}
            told = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        found: dict[str, Place] = {}
        for address, place in told.items() if isinstance(told, dict) else ():
            side, segment = (
                (str(place.get(key)) for key in ("side", "segment")) if isinstance(place, dict) else ("", "")
            )
            if side in set(Side) and segment in set(Segment):
                found[address.casefold()] = (Side(side), Segment(segment))
        return found

    def legs(self, found: Sequence[Found], sides: Sequence[Side], named: Mapping[Place, str]) -> dict[Place, str]:
        """Addresses by place of those legs that are wholly remembered, in range, and not named by the call.

        Two sensors in range that were worn in the same place tell nothing.
        """
        taken = {who.casefold() for who in named.values()}
        known = self.places()
        worn: dict[Place, list[str]] = {}
        for each in found:
            address = each.advertisement.address
            place = known.get(address.casefold())
            if place is not None and not taken & {address.casefold(), each.advertisement.name.casefold()}:
                worn.setdefault(place, []).append(address)
        legs: dict[Place, str] = {}
        for side in sides:
            places = [(side, segment) for segment in Segment]
            if not any(place in named for place in places) and all(len(worn.get(place, [])) == 1 for place in places):
                legs |= {place: worn[place][0] for place in places}
        return legs

    def keep(self, assigned: Sequence[Assigned]) -> None:
        """Remember these places from now on."""
        places = self.places()
        for each in assigned:
            places.pop(each.info.address.casefold(), None)
            places[each.info.address.casefold()] = (each.info.side, each.info.segment)
        latest = list(places.items())[-_MOST:]
        text = json.dumps({key: {"side": place[0], "segment": place[1]} for key, place in latest}, indent=1)
        temporary = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.unlink(missing_ok=True)
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
            temporary.replace(self._path)
        except OSError:
            # A folder that cannot be written costs the convenience, not the session.
            return

    def forget(self) -> None:
        """Everything."""
        self._path.unlink(missing_ok=True)
