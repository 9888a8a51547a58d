"""How far the automatic calibration has come, and why a bend of the knee was not taken: plain values for screens."""

from dataclasses import dataclass
from math import degrees


@dataclass(frozen=True, slots=True)
class CalibrationProgress:
    """still_s: quiet standing so far, of still_wanted_s. stood: there was enough of it. bends: knee bends taken, of
    bends_wanted. refused: why the last bend was not taken, empty where it was. axes_unclear: the bends were too alike
    or too small to tell the thigh's axis, so that steps are awaited."""

    still_s: float
    still_wanted_s: float
    stood: bool
    bends: int
    bends_wanted: int
    refused: str = ""
    axes_unclear: bool = False


@dataclass(frozen=True, slots=True)
class Bend:
    """One excursion of the shank from the standing and back. Angles rad; shakes: root mean square of what the
    accelerations differ from gravity, m/s2; lasted_s: its duration."""

    peak: float
    thigh_peak: float
    lasted_s: float
    shank_shake: float
    thigh_shake: float


@dataclass(frozen=True, slots=True)
class BendLimits:
    """What a bend must keep to be taken; see CalibratingParameters."""

    bent: float
    shortest_s: float
    longest_s: float
    shake_m_s2: float
    thigh_shake_m_s2: float
    thigh_share: float


def refusal(bend: Bend, limits: BendLimits) -> str:
    """Why this bend was not taken, and what to do; the first reason that a person can mend."""
    if bend.lasted_s < limits.shortest_s:
        return f"too fast ({bend.lasted_s:.1f} s): take two seconds for each bend"
    if bend.lasted_s > limits.longest_s:
        return f"too slow ({bend.lasted_s:.0f} s): take two seconds for each bend, then stand on it"
    if bend.peak <= limits.bent:
        return (
            f"too small ({degrees(bend.peak):.0f}°): lift the heel further, to {degrees(limits.bent) + 20:.0f}° or more"
        )
    if bend.thigh_peak >= limits.thigh_share * bend.peak:
        return "the thigh moved too: keep the thigh hanging down and bend only the knee"
    if bend.shank_shake >= limits.shake_m_s2 or bend.thigh_shake >= limits.thigh_shake_m_s2:
        return "it was jerky or the foot struck the floor: bend smoothly and put the foot down softly"
    return ""
