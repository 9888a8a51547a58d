"""What is said of a leg's calibration: in the summary, in the files' events and on the screens."""

import numpy as np

from calibration.alignment import Alignment
from calibration.joint_centre import LeverArms
from calibration.unloaded_path import UnloadedPath
from pipeline.calibration_parameters import Calibrated
from pipeline.rows import RaisedEvent


def calibration_quality(
    alignment: Alignment | None, path: UnloadedPath, arms: LeverArms, residual_sd: float
) -> dict[str, object]:
    """What the summary says of a leg's calibration: degrees, metres, m/s2."""
    if alignment is None:
        return {"method": None}
    values = alignment.to_json()
    return {
        "method": alignment.method,
        "thigh_axis_sd_deg": values["thigh_axis_sd_deg"],
        "shank_axis_sd_deg": values["shank_axis_sd_deg"],
        "upright_sd_deg": values["upright_sd_deg"],
        "sd_deg": values["sd_deg"],
        "unloaded_path": path.to_json() if path.known else None,
        "thigh_to_knee_m": float(np.linalg.norm(arms.first)),
        "shank_to_knee_m": float(np.linalg.norm(arms.second)),
        "joint_residual_m_s2": residual_sd,
    }


def calibration_event(found: Calibrated, path: UnloadedPath, time_s: float) -> RaisedEvent:
    """What the files and the screens say of a calibration."""
    alignment = found.alignment
    fields: dict[str, object] = {
        "method": alignment.method,
        "flexions": found.flexions,
        "thigh_axis_sd_deg": round(float(np.rad2deg(alignment.thigh_axis_sd)), 2),
        "shank_axis_sd_deg": round(float(np.rad2deg(alignment.shank_axis_sd)), 2),
        "sd_deg": round(float(np.rad2deg(alignment.sd)), 2),
        "unloaded_path": path.to_json() if path.known else None,
    }
    return RaisedEvent(time_s, "calibration", fields)
