"""How well the frames are found, by each way of calibrating: `python -m tests.benchmarks.alignments [--people 20]`.

Simulated people never used for tuning do what each way asks for, and walk. Told: by how much the frames are turned off
the bones' about the long axis (of thigh, of shank) and leaned off them, root mean square over the people, beside the
standard deviations that the alignment states of itself; and by which way the frames were found in the end.
"""

import argparse
from collections import Counter

import numpy as np

from calibration.alignment import Alignment
from pipeline.engine import LegEngine
from pipeline.leg_settings import LegSettings
from pipeline.two_sided import analyse_leg
from tests.benchmarks.angles.sessions import written
from tests.benchmarks.people import FIRST_UNSEEN, RATE_HZ, SimulatedLeg, simulated_leg

WAYS = {
    "standing + flexions": "stand:6,flex:7@{side},walk:25,stand:3",
    "standing + walking": "stand:6,walk:40,stand:3",
    "walking alone": "walk:45",
    "standing, seated flexions": "stand:6,seated_flex:6@{side},walk:25,stand:3",
    "seated flexions, standing": "seated_flex:6@{side},stand:5,walk:25,stand:3",
}


def true_frames(leg: SimulatedLeg, at_s: float) -> tuple[np.ndarray, np.ndarray]:
    """(3, 3) thigh and shank from sensor as the bones have them, at a time of standing."""
    from scipy.spatial.transform import Rotation

    row = min(round(at_s * RATE_HZ), len(leg.segments[0]) - 1)
    matrices = []
    for segment, sensor in zip(leg.segments, leg.orientations, strict=True):
        one, two = (Rotation.from_quat(q[row], scalar_first=True).as_matrix() for q in (segment, sensor))
        matrices.append(one.T @ two)
    return matrices[0], matrices[1]


def off(found: Alignment, true: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(4,) deg: thigh's and shank's frame turned about the long axis, thigh's and shank's long axis leaned."""
    angles = []
    for frame, bone in zip((found.thigh_from_sensor, found.shank_from_sensor), true, strict=True):
        between = frame @ bone.T
        angles.append((np.arctan2(between[0, 2], between[2, 2]), np.arccos(np.clip(between[1, 1], -1.0, 1.0))))
    (thigh, thigh_lean), (shank, shank_lean) = angles
    return np.degrees([thigh, shank, thigh_lean, shank_lean])


def alignment_of(leg: SimulatedLeg, kind: str) -> Alignment | None:
    """The frames at the end, causal (as a profile would hold them) or offline."""
    if kind == "offline":
        return analyse_leg(leg.grid, leg.side, LegSettings()).alignment
    engine = LegEngine(leg.side, RATE_HZ, LegSettings())
    engine.update(leg.grid)
    profile = engine.profile()
    return None if profile is None else profile.alignment


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--first", type=int, default=FIRST_UNSEEN, help="first seed (below 100: used for tuning)")
    options = parser.parse_args()
    print(f"{'deg rms (stated)':<28}{'':>8}{'thigh axis':>16}{'shank axis':>16}{'long axes':>16}   found by")
    for way, script in WAYS.items():
        legs = []
        for seed in range(options.first, options.first + options.people):
            legs.append(simulated_leg(seed, written(script)))
        for kind in ("causal", "offline"):
            errors, stated, methods = [], [], Counter[str]()
            for leg in legs:
                found = alignment_of(leg, kind)
                methods[found.method if found else "nothing"] += 1
                if found is not None:
                    errors.append(off(found, true_frames(leg, leg.grid.time_s[-1] - 1.0)))
                    stated.append([found.thigh_axis_sd, found.shank_axis_sd, found.upright_sd])
            e = np.sqrt(np.mean(np.square(errors), axis=0))
            s = np.degrees(np.sqrt(np.mean(np.square(stated), axis=0)))
            lean = float(np.sqrt(0.5 * (e[2] ** 2 + e[3] ** 2)))
            cells = [f"{v:8.1f} ({u:4.1f})" for v, u in zip((e[0], e[1], lean), s, strict=True)]
            said = ", ".join(f"{name} {count}" for name, count in methods.items())
            print(f"{way:<28}{kind:>8}" + "".join(f"{c:>16}" for c in cells) + f"   {said}")


if __name__ == "__main__":
    main()
