"""The battery service that many sensors have besides their own: one characteristic, one byte, per cent.

Source: Bluetooth SIG, Battery Service 1.0 (characteristic 0x2A19 of service 0x180F).
"""

from firmware_interface.samples import Clock, ImuSamples

SERVICE = "0000180f-0000-1000-8000-00805f9b34fb"
LEVEL = "00002a19-0000-1000-8000-00805f9b34fb"


def level(payload: bytes) -> float | None:
    """0 to 1, or None where these bytes are no level."""
    return payload[0] / 100 if len(payload) == 1 and payload[0] <= 100 else None


def level_only(payload: bytes, tick_s: float, clock: Clock) -> ImuSamples:
    """A block without samples that carries the level; counted as rejected where the bytes are none."""
    found = level(payload)
    return ImuSamples.empty(tick_s, clock, battery=found, rejected=int(found is None))


class LevelNews:
    """The encoder's half: a notification whenever the level has changed."""

    def __init__(self) -> None:
        self._told: int | None = None

    def tell(self, battery: float) -> list[tuple[str, bytes]]:
        """What to notify for this level (0 to 1): nothing where it was told before."""
        per_cent = round(100 * battery)
        if per_cent == self._told:
            return []
        self._told = per_cent
        return [(LEVEL, bytes((per_cent,)))]
