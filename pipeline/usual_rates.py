"""The rates that inertial sensors are set to, and which of them a sensor shows."""

USUAL_RATES_HZ = (
    *(10.0, 12.5, 20.0, 25.0, 26.0, 30.0, 40.0, 50.0, 52.0, 60.0, 75.0, 80.0),
    *(100.0, 104.0, 120.0, 125.0, 128.0, 150.0, 200.0, 208.0, 240.0, 250.0, 256.0),
    *(300.0, 400.0, 416.0, 500.0, 512.0, 800.0, 833.0, 1000.0),
)
"""Output data rates that inertial sensors are set to (vendors' register tables)."""


def usual_rate_hz(rate_hz: float) -> float:
    """The usual rate nearest to a measured one; rates above the largest are held at it."""
    return min(USUAL_RATES_HZ, key=lambda usual: abs(usual / rate_hz - 1.0))


def tick_shown(tick_s: float, ticks: int, seconds: float) -> float:
    """Seconds per tick of a sensor whose ticks took so long: as it says, unless it is far off, then a usual one's."""
    rate = ticks / seconds
    return tick_s if 0.75 < rate * tick_s < 1.33 else 1.0 / usual_rate_hz(rate)
