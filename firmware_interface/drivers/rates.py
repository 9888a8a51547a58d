"""The rates of a sensor."""

from collections.abc import Sequence


def nearest(rates_hz: Sequence[float], wanted_hz: float) -> float:
    """The rate that the sensor has and that is nearest, as a ratio, to the one wanted."""
    return min(rates_hz, key=lambda rate: max(rate / wanted_hz, wanted_hz / rate))
