"""The rows of the result tables, degrees and seconds, field names as in the files."""

from dataclasses import dataclass
from math import nan


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step (initial contact to next) or repetition. NaN where unknown; quality 0 to 1.

    shank_lean_deg: of a repetition, the loaded shank's largest forward lean near its deepest point.
    """

    side: str
    index: int
    activity: str
    start_s: float
    end_s: float
    toe_off_s: float
    stance_s: float
    cadence_spm: float
    peak_flexion_deg: float
    abduction_at_contact_deg: float
    peak_abduction_deg: float
    peak_abduction_s: float
    peak_valgus_excess_deg: float
    peak_medial_collapse_deg: float
    abduction_range_deg: float
    peak_rotation_deg: float
    rotation_range_deg: float
    thigh_adduction_peak_deg: float
    climb_m: float
    quality: float
    shank_lean_deg: float = nan


@dataclass(frozen=True, slots=True)
class EpisodeRow:
    """One valgus episode. measure: abduction, collapse or both. driver: hip, foot, mixed or unclear."""

    side: str
    activity: str
    activity_at_onset: str
    step_index: int
    start_s: float
    end_s: float
    peak_s: float
    duration_s: float
    measure: str
    baseline_deg: float
    peak_abduction_deg: float
    peak_excess_deg: float
    peak_collapse_deg: float
    flexion_at_peak_deg: float
    rotation_at_peak_deg: float
    driver: str
    severity: str
    confidence: float


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One side and activity of a session."""

    side: str
    activity: str
    steps: int
    duration_s: float
    episodes: int
    episodes_per_100_steps: float
    peak_abduction_mean_deg: float
    peak_abduction_sd_deg: float
    peak_abduction_p95_deg: float
    peak_valgus_excess_mean_deg: float
    peak_valgus_excess_p95_deg: float
    peak_medial_collapse_mean_deg: float
    peak_medial_collapse_p95_deg: float
    rotation_range_mean_deg: float
    peak_flexion_mean_deg: float
    cadence_mean_spm: float
    quality: float
    peak_valgus_excess_sd_deg: float = nan
    peak_medial_collapse_sd_deg: float = nan


@dataclass(frozen=True, slots=True)
class RaisedEvent:
    """A line of events.jsonl without its sequence number. kind: step, repetition, set, activity, episode_start,
    episode_end, status, marker, calibration. time_s: session time. fields: JSON values."""

    time_s: float
    kind: str
    fields: dict[str, object]
