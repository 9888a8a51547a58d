"""The rows before a live calibration, seen with it afterwards: enough for the steps that were taken until then.

A person who begins to move without standing still first is calibrated from the motion itself, some steps later. The
frames found then hold for the rows before as well: inclinations, rates and the vertical acceleration follow, hence foot
contacts, steps and repetitions. The relative heading of that time is not known, so abduction and rotation stay unknown
and nothing is judged; the angles that were written stay as they were written.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from calibration.alignment import Alignment
from pipeline.blocks import LegBlock, Status
from pipeline.heading_model import STATES, RelativeRows
from pipeline.knee import Knee
from pipeline.leg_rows import LegRows
from pipeline.orientation import Oriented
from pipeline.records import Side

_HEADINGS = ("abduction", "rotation", "excess", "abduction_sd", "rotation_sd", "excess_sd", "thigh_yaw", "shank_yaw")


def recovered_block(rows: LegRows, alignment: Alignment, side: Side, rate_hz: float) -> LegBlock:
    """Rows as a leg whose sagittal columns, tilts and vertical acceleration are known; no row is valid."""
    n = len(rows)
    knee = Knee(side, rate_hz)
    knee.align(alignment)
    status = np.where(rows.ok, Status.CALIBRATING, Status.GAP).astype(np.uint8)
    none = np.zeros(n, bool)
    block = knee.update(
        rows.start,
        Oriented(rows.thigh_quat, rows.thigh_gyr, none),
        Oriented(rows.shank_quat, rows.shank_gyr, none),
        rows.shank_acc,
        RelativeRows(np.zeros((STATES, n)), np.zeros((7, n))),
        status,
    )
    unknown = np.full(n, np.nan)
    flexion = np.where(rows.ok, block.thigh_incl - block.shank_incl, np.nan)
    headings: dict[str, Any] = dict.fromkeys(_HEADINGS, unknown)
    return replace(block, flexion=flexion, valid=none, **headings)
