"""The events benchmark on real people: treadmill walking with force plates, timed-up-and-go, knee lifts, fast gait.

Nothing of these recordings but the contacts is labelled; of the others it is known what was done, and in which order.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.blocks import Floats
from pipeline.records import Side
from pipeline.rows import StepRow
from tests.benchmarks.both_ways import WAYS, both_ways
from tests.pipeline.leg_from_imu import RawLeg
from tests.pipeline.public_legs import (
    CMU_PEOPLE,
    CMU_TUNED_ON,
    TUGS,
    Match,
    cmu_leg,
    cmu_plates,
    isen_table,
    matched,
    qmt_leg,
    tug_leg,
)

CONDITIONS = ("CSBaseline", "CSStiffKnee")
SHIFTED = ("Sub06", "CSStiffKnee")
"""Its plates and sensors run apart: by 0.2 s at 51 s, on both legs at once, and by up to 0.1 s before."""


@dataclass(frozen=True)
class Found:
    """Contacts and toe-offs (s) of one leg."""

    contacts_s: Floats
    toe_offs_s: Floats


@dataclass(frozen=True)
class Trial:
    """One leg of one trial, one way."""

    person: str
    condition: str
    side: Side
    way: str
    contact: Match
    toe_off: Match


def found_in(steps: list[StepRow]) -> Found:
    """Contacts and toe-offs of the steps: repetitions have no cadence."""
    walked = [s for s in steps if np.isfinite(s.cadence_spm)]
    contacts = np.array([t for s in walked for t in (s.start_s, s.end_s)])
    toe_offs = np.array([s.toe_off_s for s in walked])
    return Found(np.unique(np.round(contacts, 6)), toe_offs[np.isfinite(toe_offs)])


def generic_table(raw: RawLeg) -> pd.DataFrame:
    """The design's generic table of one leg."""
    columns: dict[str, Floats] = {"time_s": np.arange(len(raw.thigh_acc)) / raw.rate_hz}
    for segment in ("thigh", "shank"):
        for kind in ("acc", "gyr"):
            values = getattr(raw, f"{segment}_{kind}")
            columns |= {f"{segment}_{kind}_{axis}": values[:, k] for k, axis in enumerate("xyz")}
    return pd.DataFrame(columns)


def trials(folder: Path) -> Iterator[Trial]:
    """All legs of all treadmill trials, both ways."""
    for condition in CONDITIONS:
        for person in CMU_PEOPLE:
            for side in Side:
                plates = cmu_plates(folder, person, condition, side)
                # A table of steps holds the toe-offs between contacts, not one before the first.
                inside = (plates.toe_offs_s > plates.contacts_s[0]) & (plates.toe_offs_s < plates.contacts_s[-1])
                table = generic_table(cmu_leg(folder, person, condition, side))
                for way, update in both_ways(table, side).items():
                    found = found_in(update.steps)
                    on = matched(found.contacts_s, plates.contacts_s)
                    off = matched(found.toe_offs_s, plates.toe_offs_s[inside])
                    yield Trial(person, condition, side, way, on, off)


def contacts(folder: Path) -> None:
    """Contacts and toe-offs against the force plates."""
    print("contacts against force plates (found within 150 ms after the offset of the trial and leg; IQR in ms)")
    rows = list(trials(folder))
    for t in rows:
        print(
            f"  {t.person} {t.condition:12s} {t.side.value:5s} {t.way:7s} contact {_line(t.contact)}"
            f"   toe-off {_line(t.toe_off)}"
        )
    groups = {
        "all": lambda t: True,
        "tuned on (Sub01 to Sub03)": lambda t: t.person in CMU_TUNED_ON,
        "not tuned on": lambda t: t.person not in CMU_TUNED_ON,
        "without the trial whose clocks run apart": lambda t: (t.person, t.condition) != SHIFTED,
    }
    for condition in CONDITIONS:
        for way in WAYS:
            for label, of_group in groups.items():
                own = [t for t in rows if t.condition == condition and t.way == way and of_group(t)]
                print(
                    f"  {condition} {way}, {label}: contact {_sum([t.contact for t in own])};"
                    f" toe-off {_sum([t.toe_off for t in own])}"
                )


def _line(m: Match) -> str:
    return f"{m.found:3d}/{m.true:3d} +{m.extra} offset {1e3 * m.offset_s:4.0f} iqr {1e3 * m.iqr_s:3.0f}"


def _sum(matches: list[Match]) -> str:
    true = sum(m.true for m in matches)
    found, extra = (100.0 * sum(v) / true for v in ([m.found for m in matches], [m.extra for m in matches]))
    spread = float(np.nanmedian([m.iqr_s for m in matches]))
    return f"found {found:.2f} %, extra {extra:.2f} %, median iqr {1e3 * spread:.0f}"


def others(shared: Path) -> None:
    """What was counted where only the order of movements is known."""
    cases: list[tuple[str, Side, pd.DataFrame]] = []
    folder = shared / "sensbiotk_inria"
    if folder.is_dir():
        cases += [(t, side, generic_table(tug_leg(folder, t, side))) for t in TUGS for side in Side]
    folder = shared / "qmt_full_body"
    if folder.is_dir():
        cases += [("fast gait", side, generic_table(qmt_leg(folder, side))) for side in Side]
    folder = shared / "biomdp_isen"
    if folder.is_dir():
        cases += [("knee lifts, then walking", side, isen_table(folder, side)) for side in Side]
    print("timed-up-and-go (one standing up, one sitting down), fast gait (sits down and rises before it), knee lifts")
    for name, side, table in cases:
        for way, update in both_ways(table, side).items():
            counts = dict(Counter(s.activity for s in update.steps))
            late = [e.time_s for e in update.events if e.kind == "calibration"][:1]
            known = f", calibrated at {late[0]:.0f} s" if way == "causal" and late else ""
            print(f"  {name:24s} {side.value:5s} {way:7s} {counts}{known}")
