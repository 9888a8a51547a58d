"""The activity of each row as far as it can be told at that row, and the events of its changes.

What a unit was is known when it is over (pipeline/activity.py); the screen and a cue cannot wait for that. In gait the
last stride, corrected by the knee at each contact and toe-off, tells; in a bend the way thigh and knee share it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from pipeline.activity import one_legged
from pipeline.activity_parameters import ActivityParameters
from pipeline.blocks import Activity
from pipeline.phases import FootEvent, FootEventKind, Phase
from pipeline.repetitions import Posture
from pipeline.rows import RaisedEvent
from pipeline.steps import GAIT


@dataclass(frozen=True, slots=True)
class Final:
    """A unit's final activity, known from a row on."""

    activity: Activity
    confirmed: int


class Provisional:
    """The activity of each row as far as it can be told at that row.

    In gait it is the kind of the last stride, corrected by the knee at each contact and toe-off; in a bend it is told
    by how thigh and knee share it; what was done a moment ago decides between kinds that look alike so far.
    """

    def __init__(self, rate_hz: float, parameters: ActivityParameters | None = None) -> None:
        self.parameters = parameters or ActivityParameters()
        self._rate_hz = rate_hz
        self._gait = Activity.WALKING
        self._contact = -inf
        self._contact_knee = 0.0
        self._stepping = False
        self._last = Activity.OTHER
        self._last_row = -inf
        self._code = Activity.OTHER
        self._bent_since = 0

    def update(
        self,
        start: int,
        flexion: Sequence[float],
        thigh: Sequence[float],
        lean: Sequence[float],
        known: Sequence[bool],
        phases: Sequence[int],
        postures: Sequence[int],
        events: Sequence[FootEvent],
        finals: Sequence[Final],
    ) -> list[int]:
        """Codes of `Activity`, n rows from grid row `start`.

        flexion, thigh (inclination), lean (whole leg inward): rad; events and finals: those confirmed in these rows.
        """
        p = self.parameters
        codes: list[int] = []
        feet, ends = iter(events), iter(finals)
        foot, final = next(feet, None), next(ends, None)
        row = start - 1
        gait_rows = p.gait_gap_s * self._rate_hz
        for bent, raised, leant, is_known, phase, posture in zip(
            flexion, thigh, lean, known, phases, postures, strict=True
        ):
            row += 1
            while foot is not None and foot.confirmed <= row:
                self._foot(foot, bent, raised, row)
                foot = next(feet, None)
            while final is not None and final.confirmed <= row:
                self._close(final, row)
                final = next(ends, None)
            if not is_known:
                code = Activity.OTHER
            elif posture == Posture.SEATED:
                code = Activity.SITTING
            elif posture == Posture.RISING:
                code = Activity.SIT_TO_STAND
            elif (phase == Phase.SWING and self._stepping) or row - self._contact < gait_rows:
                code = self._in_gait(row, bent, raised, phase)
            elif posture == Posture.BENDING:
                code = self._in_bend(row, bent, raised, leant)
            elif bent < p.standing_rad and -p.standing_rad < raised < p.standing_rad:
                code = Activity.STANDING
                self._bent_since = row
            else:
                code = Activity.OTHER
            self._code = code
            codes.append(int(code))
        return codes

    def _foot(self, event: FootEvent, bent: float, raised: float, row: int) -> None:
        p = self.parameters
        if event.kind is FootEventKind.CONTACT:
            self._stepping = False
            self._contact = event.position if event.forward else -inf
            self._contact_knee = bent
            if bent > p.up_knee_rad + 0.5 * p.knee_scale_rad and raised > p.up_thigh_rad:
                self._gait = Activity.STEP_UP if self._gait is Activity.STEP_UP else Activity.STAIR_ASCENT
            elif self._gait is Activity.STAIR_ASCENT and bent < p.up_knee_rad - 0.5 * p.knee_scale_rad:
                self._gait = Activity.WALKING
        elif event.kind is FootEventKind.TOE_OFF:
            self._stepping = event.forward
            if row - self._contact > 2.0 * self._rate_hz and event.forward:
                again = self._recently(row) and self._last in {Activity.LUNGE, Activity.STEP_UP}
                self._gait = self._last if again else Activity.WALKING
            elif bent > p.down_knee_rad + p.knee_scale_rad and self._contact_knee < p.up_knee_rad:
                self._gait = Activity.STAIR_DESCENT
            elif self._gait is Activity.STAIR_DESCENT and bent < p.down_knee_rad - p.knee_scale_rad:
                self._gait = Activity.WALKING
        else:
            self._stepping = False
            if event.kind is FootEventKind.LOST:
                self._contact = -inf

    def _close(self, final: Final, row: int) -> None:
        self._last, self._last_row = final.activity, row
        if final.activity in GAIT or final.activity is Activity.OTHER:
            self._gait = final.activity

    def _recently(self, row: int) -> bool:
        return row - self._last_row < self.parameters.again_s * self._rate_hz

    def _in_gait(self, row: int, bent: float, raised: float, phase: int) -> Activity:
        p = self.parameters
        self._bent_since = row
        if phase == Phase.LOADED and bent > p.lunge_knee_rad - 0.15 and bent > self._contact_knee + 0.2:
            if raised > p.still_thigh_rad + 0.1:
                return Activity.LUNGE
            # A walking knee is bent by some 50 deg before its swing is noticed, a knee going up by more.
            straight = self._contact_knee < p.up_knee_rad
            if straight and raised < p.still_thigh_rad and bent > p.down_knee_rad + 0.8 * p.knee_scale_rad:
                self._gait = Activity.STAIR_DESCENT
        return self._gait

    def _in_bend(self, row: int, bent: float, raised: float, leant: float) -> Activity:
        p = self.parameters
        if row - self._bent_since > p.bend_longest_s * self._rate_hz or raised - bent < p.foot_flat_rad:
            return Activity.OTHER
        if self._code is Activity.LUNGE:
            return Activity.LUNGE
        share = raised / bent if bent > 0.0 else 0.0
        if share > p.deadlift_share and bent < p.deadlift_most_rad:
            return Activity.DEADLIFT
        if share < 0.35:
            return Activity.OTHER
        if share > p.chair_share and bent > p.squat_depth_rad:
            return Activity.SIT_TO_STAND
        alike = {Activity.SQUAT, Activity.SINGLE_LEG_SQUAT, Activity.STEP_DOWN, Activity.STEP_UP}
        if self._recently(row) and self._last in alike:
            return self._last
        return Activity.SINGLE_LEG_SQUAT if one_legged(leant, share, p) else Activity.SQUAT


class ActivityChanges:
    """Events of the rows' activity: a new one that lasted settle_s."""

    def __init__(self, side: str, rate_hz: float, settle_s: float) -> None:
        self._side = side
        self._rate_hz = rate_hz
        self._settle = max(1, round(settle_s * rate_hz))
        self._said = -1
        self._now = -1
        self._since = 0

    def update(self, start: int, codes: Sequence[int]) -> list[tuple[int, RaisedEvent]]:
        """The events of these rows, each with the row at which it is raised."""
        events = []
        now, since, said, settle = self._now, self._since, self._said, self._settle
        for row, code in enumerate(codes, start):
            if code != now:
                now, since = code, row
            elif code != said and row - since >= settle:
                said = code
                values: dict[str, object] = {"side": self._side, "activity": Activity(code).label}
                values["start_s"] = round(since / self._rate_hz, 4)
                events.append((row, RaisedEvent(row / self._rate_hz, "activity", values)))
        self._now, self._since, self._said = now, since, said
        return events
