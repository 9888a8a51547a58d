"""A simulated session on disk: a `.knee` recording as the radio would have delivered it, and the truth about it."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from firmware_interface.drivers.registry import driver
from pipeline.errors import BadInputError
from pipeline.files.private import naming
from pipeline.files.recording import RecordingWriter
from pipeline.records import Side
from pipeline.simulation.notifications import notifications, sensor_infos
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import Bout, everyday_script, parse_script, scripted_session
from pipeline.simulation.simulate import simulate

RECORDING = "recording.knee"
_DRIVER = "open_format"
_RATE_HZ = 100.0
_AT_A_TIME = 10_000


def write_simulation(
    folder: Path, seed: int, sides: Sequence[Side], script: str | None, minutes: float | None
) -> list[Path]:
    """Simulate, and write recording, tables and truth into `folder`; returns the files.

    script: see `parse_script`; minutes: an everyday session of at least this length; neither: the demonstration.
    Raises BadInputError where the folder already holds a recording, or the script cannot be read.
    """
    path = folder / RECORDING
    if path.exists():
        raise BadInputError(f"{path} exists already and is not overwritten: choose another --out")
    rng = np.random.default_rng(seed)
    person = draw_person(rng)
    simulation = simulate(person, _script(rng, sides, script, minutes), rng, sides=sides, rate_hz=_RATE_HZ)
    with naming(folder):
        simulation.write(folder)
    speaks = driver(_DRIVER)
    encoders = {key: speaks.encoder(_RATE_HZ) for key in simulation.sensors}
    infos = sensor_infos(simulation, _DRIVER)
    meta = {"start_utc": "", "simulation": json.dumps({"seed": seed, "seconds": simulation.seconds})}
    with RecordingWriter(path, infos, meta) as recorder:
        records = notifications(simulation, encoders, rng)
        for at in range(0, len(records), _AT_A_TIME):
            recorder.append(records[at : at + _AT_A_TIME])
            recorder.flush()
    if recorder.failed:
        raise BadInputError(recorder.failed)
    return sorted(file for file in folder.iterdir() if file.is_file())


def _script(rng: np.random.Generator, sides: Sequence[Side], text: str | None, minutes: float | None) -> Sequence[Bout]:
    if text is not None:
        return parse_script(text)
    if minutes is None:
        return scripted_session(sides)
    script = everyday_script(rng, sides=sides)
    while _length_s(script) < 60.0 * minutes:
        # Later rounds begin after the calibration that the first one began with.
        script += everyday_script(rng, sides=sides)[1 + len(sides) :]
    return script


def _length_s(script: Sequence[Bout]) -> float:
    """About how long it takes: repetitions and stairs last some seconds each."""
    seconds = {"up": 0.7, "down": 0.7, "flex": 2.0}
    timed = ("stand", "walk", "sitting", "reach", "kneel", "turn", "lift")
    return sum(bout.amount * (1.0 if bout.what in timed else seconds.get(bout.what, 3.5)) for bout in script)
