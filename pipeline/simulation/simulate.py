"""A whole simulated session at once: sensor traces, tables and truth."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.blocks import Bools, Floats, LegBlock
from pipeline.records import Segment, Side
from pipeline.simulation import truth
from pipeline.simulation.body import Episode, LegMotion
from pipeline.simulation.imu import Track, attitudes, ideal, measured, track
from pipeline.simulation.motion import Motion, motions
from pipeline.simulation.person import Person
from pipeline.simulation.plan import Contact, Repetition
from pipeline.simulation.script import Script
from pipeline.simulation.shapes import GRID_HZ, ramp


@dataclass(frozen=True, slots=True)
class Trace:
    """What one sensor delivered. t: (n,) true time of each sample, s; ticks_us: (n,) its own clock; acc (n, 3) m/s2 and
    gyr (n, 3) rad/s in its frame; clipped: (n,) a channel stood at the end of its range."""

    t: Floats
    ticks_us: Floats
    acc: Floats
    gyr: Floats
    clipped: Bools


@dataclass(frozen=True, slots=True)
class Slip:
    """A strap that slides: within duration_s the sensor turns by turn_deg (segment axes, as on a right leg)."""

    side: Side
    segment: Segment
    time_s: float
    turn_deg: tuple[float, float, float]
    duration_s: float = 0.5


class Simulation:
    """The result of `simulate`: `sensors` and everything that is true about them."""

    def __init__(
        self,
        person: Person,
        script: Script,
        pieces: Sequence[Motion],
        sides: Sequence[Side],
        rate_hz: float,
        seed: int,
        slips: Sequence[Slip],
    ) -> None:
        self.person, self.script, self.sides, self.rate_hz = person, list(script), tuple(sides), rate_hz
        self.seconds = sum(len(piece) for piece in pieces) / GRID_HZ
        self.contacts: list[Contact] = [c for piece in pieces for c in piece.contacts]
        self.repetitions: list[Repetition] = [r for piece in pieces for r in piece.repetitions]
        self.episodes: list[Episode] = [e for piece in pieces for e in piece.episodes]
        self.standings: list[tuple[float, float]] = [q for piece in pieces for q in piece.quiet]
        self.pelvis: Floats = np.concatenate([piece.pelvis for piece in pieces])
        self.legs: dict[Side, LegMotion] = {side: _joined(piece.legs[side] for piece in pieces) for side in sides}
        self._seed = seed
        self._tracks = {
            (side, segment): track(
                0,
                self.legs[side],
                segment is Segment.THIGH,
                side,
                person.wearing[side, segment],
                self.contacts,
                _slipped(slips, side, segment, round(self.seconds * GRID_HZ)),
            )
            for side in sides
            for segment in Segment
        }
        self.sensors: dict[tuple[Side, Segment], Trace] = {
            key: _trace(path, self.seconds, rate_hz, np.random.default_rng([seed, index]), own_clock=True)
            for index, (key, path) in enumerate(self._tracks.items())
        }

    @property
    def neutral(self) -> tuple[float, float]:
        """The standing in which all true angles are zero: the first one, else none."""
        return self.standings[0] if self.standings else (0.0, 0.0)

    def table(self, side: Side) -> pd.DataFrame:
        """The generic table of one leg: both sensors on one exact clock, every other error included."""
        columns: dict[str, Floats] = {}
        for index, segment in enumerate((Segment.THIGH, Segment.SHANK)):
            rng = np.random.default_rng([self._seed, 100 + index])
            trace = _trace(self._tracks[side, segment], self.seconds, self.rate_hz, rng, own_clock=False)
            columns["time_s"] = trace.t
            for name, values in (("acc", trace.acc), ("gyr", trace.gyr)):
                for axis, letter in enumerate("xyz"):
                    columns[f"{segment.value}_{name}_{letter}"] = values[:, axis]
        return pd.DataFrame(columns)

    def leg_block(self, side: Side, rate_hz: float = 100.0) -> LegBlock:
        """What a perfect estimator would hand on: the truth as a `LegBlock`."""
        tracks = {segment: self._tracks[side, segment] for segment in Segment}
        return truth.leg_block(self.legs[side], tracks, side, rate_hz, self.neutral)

    def truth_angles(self, side: Side, rate_hz: float = 100.0) -> pd.DataFrame:
        """Columns of angles.parquet that have a truth, deg, on the grid k / rate_hz."""
        block = self.leg_block(side, rate_hz)
        return truth.angles_table(block, truth.codes_at(self.legs[side].activity, block.time_s), side)

    def truth_steps(self) -> pd.DataFrame:
        """One row per step (contact to contact) or repetition, columns as in steps.csv where they have a truth."""
        blocks = {side: self.leg_block(side) for side in self.sides}
        return truth.steps_table(self.repetitions, blocks, self.episodes)

    def truth_contacts(self) -> pd.DataFrame:
        """One row per foot contact: side, activity, contact_s, toe_off_s."""
        return truth.contacts_table(self.contacts, self.sides)

    def truth_episodes(self) -> pd.DataFrame:
        """One row per injected collapse: scripted kind, driver and size, and the rises it came to."""
        return truth.episodes_table(self.episodes, self.sides)

    def truth_orientations(self, side: Side, rate_hz: float = 100.0) -> pd.DataFrame:
        """Segment and sensor quaternions to the world (z up), scalar first: thigh_w.., thigh_sensor_w.., shank_..."""
        times = np.arange(int(self.seconds * rate_hz)) / rate_hz
        columns: dict[str, Floats] = {"time_s": times}
        for segment in Segment:
            for name, q in zip(
                (segment.value, f"{segment.value}_sensor"), attitudes(self._tracks[side, segment], times), strict=True
            ):
                columns |= {f"{name}_{letter}": q[:, k] for k, letter in enumerate("wxyz")}
        return pd.DataFrame(columns)

    def write(self, folder: Path) -> None:
        """Write table_SIDE.parquet, truth_*.parquet, person.json and script.json into `folder` (made if missing)."""
        folder.mkdir(parents=True, exist_ok=True)
        for side in self.sides:
            self.table(side).to_parquet(folder / f"table_{side.value}.parquet")
            self.truth_angles(side).to_parquet(folder / f"truth_angles_{side.value}.parquet")
            self.truth_orientations(side).to_parquet(folder / f"truth_orientations_{side.value}.parquet")
        for name, frame in (
            ("steps", self.truth_steps()),
            ("contacts", self.truth_contacts()),
            ("episodes", self.truth_episodes()),
        ):
            frame.to_parquet(folder / f"truth_{name}.parquet")
            frame.to_csv(folder / f"truth_{name}.csv", index=False)
        (folder / "person.json").write_text(json.dumps(person_record(self.person), indent=1), encoding="utf-8")
        script = [asdict(bout) for bout in self.script]
        (folder / "script.json").write_text(json.dumps(script, indent=1), encoding="utf-8")


def simulate(
    person: Person,
    script: Script,
    rng: np.random.Generator,
    *,
    sides: Sequence[Side] = (Side.RIGHT,),
    rate_hz: float = 100.0,
    slips: Sequence[Slip] = (),
) -> Simulation:
    """Let `person` do `script` once, sensors on `sides`, sampled at about rate_hz by their own clocks.

    rng: variation between repetitions, and sensor noise. slips: straps that slide on the way.
    """
    movement, noise = (int(v) for v in rng.integers(0, 2**31, 2))
    return Simulation(person, script, list(motions(person, script, [movement])), sides, rate_hz, noise, slips)


def person_record(person: Person) -> dict[str, object]:
    """A person as JSON values; sensors are keyed side_segment."""
    return {
        "body": asdict(person.body),
        "gait": asdict(person.gait),
        "manner": asdict(person.manner),
        "legs": {side.value: asdict(leg) for side, leg in person.legs.items()},
        "wearing": {f"{side.value}_{seg.value}": asdict(worn) for (side, seg), worn in person.wearing.items()},
    }


def _joined(pieces: Iterable[LegMotion]) -> LegMotion:
    parts = list(pieces)
    return LegMotion(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(LegMotion)))


def _slipped(slips: Sequence[Slip], side: Side, segment: Segment, n: int) -> Floats | None:
    own = [slip for slip in slips if slip.side is side and slip.segment is segment]
    if not own:
        return None
    times = np.arange(n) / GRID_HZ
    total = np.zeros((n, 3))
    for slip in own:
        done = ramp(times, slip.time_s, slip.time_s + slip.duration_s)
        total += done[:, None] * np.deg2rad(slip.turn_deg)
    return total


def _trace(path: Track, seconds: float, rate_hz: float, rng: np.random.Generator, own_clock: bool) -> Trace:
    """Sample a path. own_clock: with the sensor's skew, offset and jitter; else at k / rate_hz exactly."""
    errors = path.worn.imu
    count = int((seconds - 0.02) * rate_hz)
    ticks = np.arange(count) / rate_hz
    times = ticks
    if own_clock and (errors.skew_ppm or errors.jitter_s):
        times = (ticks + float(rng.uniform(0.0, 1.0)) / rate_hz) / (1.0 + errors.skew_ppm * 1e-6)
        times = np.maximum(
            times + np.clip(errors.jitter_s * rng.standard_normal(count), -0.4 / rate_hz, 0.4 / rate_hz), 0.0
        )
    acc, gyr = ideal(path, times)
    walk = errors.gyr_walk / np.sqrt(rate_hz) * np.cumsum(rng.standard_normal((count, 3)), axis=0)
    noise = rng.standard_normal((count, 6))
    acc, gyr = measured(acc, gyr, errors, errors.gyr_bias + walk, rate_hz, noise)
    ends = np.repeat([errors.acc_range, errors.gyr_range], 3)
    clipped: Bools = np.any(np.abs(np.hstack([acc, gyr])) >= ends, axis=1)
    return Trace(times, np.round(ticks * 1e6), acc, gyr, clipped)
