"""What happened to each sensor's data on its way in: counts that the screens warn from and the files report."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class SensorCounts:
    """The counts of one sensor since the session began.

    notifications: received. samples: decoded. lost: samples known or inferred to be missing.
    rejected: packets, frames or samples thrown away as short, corrupt, or of a time that cannot be.
    duplicates, reordered: samples seen before, and samples older than their predecessor.
    late: samples that came after their rows were final. spikes: impossible samples, left out.
    clipped: samples at the end of the range. connections: times connected.
    gaps, gap_s: holes too long to bridge, and the time that they cover.
    clock_restarts: times that the device's clock or counter began anew within a connection. fell_behind: how many of
    them because samples came ever later.
    rate_hz: samples received per second of session time (0 before any). clock: what its ticks mean.
    skew_ppm: how much its clock runs fast. time_sd_s: standard deviation of its sample times.
    pair_offset_s, pair_offset_sd_s: how late the thigh's rows were against the shank's when their shared motion last
    showed it, and its standard deviation, s; None where no motion showed it.
    battery: 0 to 1, None where it never said. temperature_c: the same, as it said last.
    """

    notifications: int = 0
    samples: int = 0
    lost: int = 0
    rejected: int = 0
    duplicates: int = 0
    reordered: int = 0
    late: int = 0
    spikes: int = 0
    clipped: int = 0
    connections: int = 0
    gaps: int = 0
    gap_s: float = 0.0
    clock_restarts: int = 0
    fell_behind: int = 0
    rate_hz: float = 0.0
    battery: float | None = None
    temperature_c: float | None = None
    clock: str = ""
    skew_ppm: float = 0.0
    time_sd_s: float = 0.0
    pair_offset_s: float | None = None
    pair_offset_sd_s: float | None = None

    def as_dict(self) -> dict[str, int | float | str | None]:
        """The counts for a JSON file."""
        return asdict(self)
