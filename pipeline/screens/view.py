"""What a screen shows of a running session: plain values, gathered from the session's updates.

`Tally` follows the updates of one session and keeps what a person wants to see now: the latest angles of each leg, what
is being done, the steps counted, the last episodes. Screens (terminal, dashboard) draw its `View` and compute nothing.
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pipeline.blocks import Activity, LegBlock, Status
from pipeline.records import SensorInfo, Side
from pipeline.rows import EpisodeRow
from pipeline.screens import words
from pipeline.screens.guide import Guide, GuideView
from pipeline.screens.set_count import SetCount, SetView
from pipeline.screens.step_peak import LastStep, StepPeak
from pipeline.session import Session
from pipeline.update import LegResult, Update

_DEG = 180.0 / np.pi
_EPISODES_KEPT = 5
_GAIT = ("walking", "stair_ascent", "stair_descent")


@dataclass(frozen=True, slots=True)
class Angle:
    """A value and its standard deviation, degrees; NaN where unknown."""

    deg: float = float("nan")
    sd_deg: float = float("nan")


@dataclass(frozen=True, slots=True)
class LegView:
    """One leg now. calibration: what the person should do, "done" where nothing. status: a label of `Status`.

    steps: counted steps and repetitions by activity. guide: the guided calibration, where it is followed.
    last_step: its largest inward angle while loaded. trusted: the angles' own spread is small enough. exercise: the set
    in progress. static_valgus_deg: the clinician's measured alignment, which no angle contains. limits_deg: from where
    on excess and collapse are an episode in this activity.
    """

    side: Side
    calibration: str = ""
    flexion: Angle = Angle()
    abduction: Angle = Angle()
    rotation: Angle = Angle()
    excess: Angle = Angle()
    collapse: Angle = Angle()
    status: str = "gap"
    activity: str = "other"
    steps: Mapping[str, int] = field(default_factory=dict)
    in_episode: bool = False
    guide: GuideView | None = None
    last_step: LastStep = field(default_factory=LastStep)
    trusted: bool = True
    exercise: SetView | None = None
    static_valgus_deg: float | None = None
    limits_deg: tuple[float, float] = (5.0, 7.0)

    @property
    def calibrated(self) -> bool:
        """There are angles, and nothing has to be done for them."""
        return self.calibration in ("", "done") and self.status != "calibrating"


@dataclass(frozen=True, slots=True)
class SensorView:
    """One sensor now. name: where it is worn. state: connected, searching, silent.

    rate_hz: samples a second that arrive; battery 0 to 1 or None; lost, samples: since the start. rssi_dbm: signal
    strength when it was connected, None where unknown. calibration: how well the sensor's place on the leg is known.
    """

    name: str
    driver: str
    state: str = "connected"
    rate_hz: float | None = None
    battery: float | None = None
    samples: int = 0
    lost: int = 0
    rssi_dbm: float | None = None
    calibration: str = ""

    @property
    def loss(self) -> float:
        """Share of the samples that never came."""
        return self.lost / max(1, self.samples + self.lost)


@dataclass(frozen=True, slots=True)
class View:
    """A session now. elapsed_s: session time as in the files, 0 before the first sample.

    limit_s: the session time at which it ends by itself, None where it does not.

    episodes: the last ones, newest last. problem: one line that the person must know, e.g. that recording failed.
    warnings: what is wrong with the sensors, a line each.
    """

    elapsed_s: float
    limit_s: float | None
    legs: Sequence[LegView]
    sensors: Sequence[SensorView]
    episodes: Sequence[EpisodeRow]
    episodes_seen: int
    where: str = ""
    problem: str = ""
    warnings: Sequence[str] = ()


class Tally:
    """Gathers a session's updates for the screens. Constant memory."""

    def __init__(self, sides: Sequence[Side]) -> None:
        self.sides = tuple(dict.fromkeys(sides))
        self._last: dict[Side, LegResult] = {}
        self._steps: dict[Side, Counter[str]] = {side: Counter() for side in self.sides}
        self._episodes: deque[EpisodeRow] = deque(maxlen=_EPISODES_KEPT)
        self._open: set[Side] = set()
        self._guides = {side: Guide(2 if len(self.sides) == 1 else 1) for side in self.sides}
        self._peaks = {side: StepPeak() for side in self.sides}
        self._sets = {side: SetCount() for side in self.sides}
        self.episodes_seen = 0
        self.time_s: float | None = None

    def add(self, update: Update) -> None:
        """One update, in order."""
        for leg in update.legs:
            self._peaks[leg.side].add(leg.block)
            if len(leg.block):
                self._last[leg.side] = LegResult(
                    leg.side, leg.block.cut(-1 + len(leg.block), len(leg.block)), leg.activity[-1:]
                )
                self.time_s = max(self.time_s or 0.0, float(leg.block.time_s[-1]))
        for step in update.steps:
            self._steps[Side(step.side)][step.activity] += 1
            self._peaks[Side(step.side)].step(step)
            self._sets[Side(step.side)].step(step)
        for episode in update.episodes:
            self._peaks[Side(episode.side)].episode(episode)
            self._sets[Side(episode.side)].episode(episode)
            self._episodes.append(episode)
            self.episodes_seen += 1
        for event in update.events:
            if event.kind in ("episode_start", "episode_end") and event.fields.get("side") in set(Side):
                side = Side(str(event.fields["side"]))
                self._peaks[side].event(event)
                (self._open.add if event.kind == "episode_start" else self._open.discard)(side)

    @property
    def episodes(self) -> list[EpisodeRow]:
        """The last episodes, newest last."""
        return list(self._episodes)

    def leg(self, side: Side, session: Session) -> LegView:
        """One leg now, with the session's word on its calibration."""
        last = self._last.get(side)
        # Of two legs, each step of either counts.
        gait = sum(self._steps[leg][name] for leg in self.sides for name in _GAIT)
        profile = session.profiles().get(side)
        leg = LegView(
            side,
            session.phase(side),
            steps=dict(self._steps[side]),
            guide=self._guides[side].view(session.progress(side), profile, gait),
            static_valgus_deg=None if profile is None else profile.static_valgus_deg,
        )
        if last is None:
            return leg
        block = last.block
        activity = Activity(int(last.activity[-1]))
        limits = session.thresholds.of(side).of(activity)
        return replace(
            leg,
            flexion=_angle(block, "flexion"),
            abduction=_angle(block, "abduction"),
            rotation=_angle(block, "rotation"),
            excess=_angle(block, "excess"),
            collapse=_angle(block, "collapse"),
            status=Status(int(block.status[-1])).name.lower(),
            activity=activity.label,
            in_episode=side in self._open,
            last_step=self._peaks[side].last,
            trusted=bool(block.valid[-1]),
            exercise=self._sets[side].view(session.thresholds.prescription, self.time_s or 0.0),
            limits_deg=(limits.excess_deg[0], limits.collapse_deg[0]),
        )


def sensor_views(
    sensors: Sequence[SensorInfo],
    quality: Mapping[str, Any],
    states: Mapping[int, str] | None = None,
    signals: Mapping[int, float] | None = None,
) -> list[SensorView]:
    """The sensors now, from the session's quality; by sensor id: states, `connected` where not told, and signals."""
    views = []
    for sensor in sensors:
        leg = quality.get(sensor.side.value, {})
        counts = leg.get("sensors", {}).get(sensor.segment.value, {})
        views.append(
            SensorView(
                words.place(f"{sensor.side} {sensor.segment}"),
                sensor.driver,
                (states or {}).get(sensor.id, "connected"),
                counts.get("rate_hz") or None,
                counts.get("battery"),
                counts.get("samples", 0),
                counts.get("lost", 0),
                (signals or {}).get(sensor.id),
                _calibration(leg.get("calibration", {}), sensor.segment.value),
            )
        )
    return views


def _angle(block: LegBlock, name: str) -> Angle:
    return Angle(float(getattr(block, name)[-1]) * _DEG, float(getattr(block, f"{name}_sd")[-1]) * _DEG)


def _calibration(calibration: Mapping[str, Any], segment: str) -> str:
    sd = calibration.get(f"{segment}_axis_sd_deg")
    return "not calibrated yet" if sd is None else f"calibrated (±{sd:.0f}°)"
