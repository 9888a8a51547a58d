"""A result folder with figures that were chosen, not computed: for the tests of report and screens."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.rows import EpisodeRow, StepRow, SummaryRow

_WITH_SD = ("flexion", "abduction", "rotation", "valgus_excess", "medial_collapse")


def step(side: str, index: int, activity: str, start_s: float, excess_deg: float, collapse_deg: float) -> StepRow:
    """A step of 1 s."""
    return StepRow(
        side, index, activity, start_s, start_s + 1.0, start_s + 0.6, 0.6, 112.0, 60.0, 0.5, excess_deg + 1.0,
        start_s + 0.3, excess_deg, collapse_deg, 4.0, 5.0, 8.0, 3.0, 0.0, 0.9,
    )  # fmt: skip


def episode(side: str, activity: str, start_s: float, excess_deg: float, collapse_deg: float) -> EpisodeRow:
    """An episode of 0.3 s."""
    return EpisodeRow(
        side, activity, activity, 0, start_s, start_s + 0.3, start_s + 0.1, 0.3, "both", 0.2, excess_deg + 1.0,
        excess_deg, collapse_deg, 25.0, 3.0, "hip", "marked", 0.8,
    )  # fmt: skip


def summary(side: str, activity: str, steps: int, episodes: int) -> SummaryRow:
    """A row of the summary."""
    return SummaryRow(
        side, activity, steps, float(steps), episodes, 100.0 * episodes / max(1, steps), 3.2, 1.1, 5.4, 2.2, 4.1, 6.3,
        9.2, 8.0, 61.0, 112.0, 0.9,
    )  # fmt: skip


def write_results(
    folder: Path,
    sides: tuple[str, ...] = ("right",),
    steps: int = 20,
    quality: dict[str, object] | None = None,
    many_rows: int = 0,
    **told: object,
) -> Path:
    """Walking, then stairs down, a step a second from 5 s on; a collapse in every tenth step.

    many_rows: so many more rows of the summary. told: further values of summary.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rate = 50.0
    time = np.arange(0.0, steps + 8.0, 1.0 / rate)
    angles, rows, episodes, summaries = [], [], [], []
    for side in sides:
        flexion = 30.0 - 30.0 * np.cos(2.0 * np.pi * time)
        angles.append(
            pd.DataFrame(
                {
                    "time_s": time,
                    "side": side,
                    "flexion_deg": flexion,
                    "abduction_deg": np.sin(2.0 * np.pi * time),
                    "rotation_deg": np.cos(2.0 * np.pi * time),
                    "valgus_excess_deg": np.sin(2.0 * np.pi * time),
                    "medial_collapse_deg": 2.0 * np.sin(2.0 * np.pi * time),
                    **{f"{name}_sd_deg": 0.5 for name in _WITH_SD},
                    "valid": time > 4.0,
                }
            )
        )
        for k in range(steps):
            activity = "walking" if k < steps // 2 else "stair_descent"
            collapsed = k % 10 == 5
            rows.append(step(side, k, activity, 5.0 + k, 8.5 if collapsed else 2.0, 12.0 if collapsed else 3.0))
            if collapsed:
                episodes.append(episode(side, activity, 5.2 + k, 8.5, 12.0))
        summaries += [summary(side, f"move {k}", 10, 0) for k in range(many_rows)]
        for activity in ("walking", "stair_descent"):
            summaries.append(summary(side, activity, steps // 2, steps // 20))
    pd.concat(angles).to_parquet(folder / "angles.parquet")
    for name, kind, found in (("steps", StepRow, rows), ("episodes", EpisodeRow, episodes)):
        table = pd.DataFrame([asdict(row) for row in found], columns=list(kind.__dataclass_fields__))
        table.to_csv(folder / f"{name}.csv", index=False)
    values = {
        "start_utc": "2026-11-20T09:12:44+00:00",
        "calibration": {side: {"method": None} for side in sides},
        "sensors": quality or {},
        "rows": [asdict(row) for row in summaries],
        **told,
    }
    (folder / "summary.json").write_text(json.dumps(values), encoding="utf-8")
    return folder
