"""A recording, and a whole session, that say more about a person than they should: for the tests of privacy."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from calibration.inertial import Inertial
from calibration.profile import Profile
from pipeline.files.recording import Recording, RecordingWriter
from pipeline.records import Event, Side

SAMPLE = Path(__file__).resolve().parents[2] / "recordings" / "walking_and_stairs_right.knee"
SECRETS = ("p07", "D4:22:CD:00:11:22", "Annas Sensor", "2026-11-20", "praxis-pc", "Anna hinkt", "/home/anna")

INERTIAL = Inertial(gyr_bias=np.array([0.01, -0.002, 0.003]))
THRESHOLDS = """# Anna hinkt
person = "p07"
least_confidence = 0.55
excess_deg = [3, 5.5, 8]
[left.squat]
collapse_deg = [4, 6, 8]  # Anna hinkt
[walking.clean]
flexion_deg = [0, 20]
excess_deg = [0.25, 1.5]
collapse_deg = [0.5, 1]
"""


def identified_recording(path: Path, person: str | None = "p07", profile: Profile | None = None) -> Path:
    """The sample recording as a clinic might have made it."""
    with Recording(SAMPLE) as sample:
        worn = [
            replace(sensor, address="D4:22:CD:00:11:22", name="Annas Sensor", firmware="2.1.0")
            for sensor in sample.sensors
        ]
        meta = {
            "start_utc": "2026-11-20T09:12:44+00:00",
            "host_clock_anchor_ns": "123456789",
            "software": json.dumps({"kneetrack": "0.1.0", "system": "Linux praxis-pc"}),
            "import": json.dumps({"kind": "table", "files": ["/home/anna/montag.csv"]}),
            "inertial": json.dumps({"1": replace(INERTIAL, address="D4:22:CD:00:11:22", date="2026-11-20").to_json()}),
            "thresholds": THRESHOLDS,
            **({"person": person} if person else {}),
        }
        with RecordingWriter(path, worn, meta) as writer:
            batches = list(sample.records())
            last = batches[-1][-1].seq
            for batch in batches:
                writer.append(batch)
                writer.flush()
            about = {"sensor": 1, "address": "D4:22:CD:00:11:22", "name": "Annas Sensor", "rssi_dbm": -60}
            end_ns = batches[-1][-1].host_time_ns
            writer.append(
                [
                    Event(last + 1, end_ns, "link", about),
                    Event(last + 2, end_ns, "marker", {"label": "Anna hinkt"}),
                    Event(last + 3, end_ns, "note", {"text": "Anna hinkt", "file": "/home/anna/x"}),
                ]
            )
            if profile is not None:
                told = replace(profile, sensors={"thigh": "D4:22:CD:00:11:22"}, person="p07", created_utc="2026-11-20")
                writer.set_calibration(Side(profile.side), told.to_json())
    return path
