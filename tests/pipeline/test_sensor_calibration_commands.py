"""`kneetrack calibrate --inertial`, and how sessions use what it keeps."""

import asyncio
import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from calibration.inertial import Inertial
from calibration.sensor_store import SensorStore
from firmware_interface.arrivals import Arrival
from firmware_interface.drivers import witmotion
from firmware_interface.drivers.table import CHARACTERISTIC, NAME, pack
from pipeline.commands.corrections import META, corrections_text, recorded_corrections, stored_corrections
from pipeline.commands.laying import Laying, guided
from pipeline.commands.main import run
from pipeline.errors import BadInputError, KneetrackError
from pipeline.files.recorder import RecordingWriter
from pipeline.files.recording import Recording
from pipeline.records import Segment, SensorInfo, Side
from tests.calibration.test_six_positions import laid_down, six_sides
from tests.end_to_end.simulated_legs import records, simulation

ADDRESSES = ("AA:BB:CC:00:00:01", "AA:BB:CC:00:00:02")
WORN = [SensorInfo(k + 1, ADDRESSES[k], NAME, Side.LEFT, segment) for k, segment in enumerate(Segment)]
OFFSET = np.array([0.3, -0.2, 0.1])


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SensorStore:
    monkeypatch.setenv("KNEETRACK_DATA", str(tmp_path / "data"))
    return SensorStore()


def recording(path: Path, table: pd.DataFrame, meta: dict[str, str] | None = None) -> Path:
    with RecordingWriter(path, WORN, {"start_utc": "2026-03-01T10:00:00+00:00", **(meta or {})}) as writer:
        writer.append(records(table))
    return path


def laid_table(turns: int | None = None) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    acc, gyr = laid_down(six_sides(rng)[:turns], rng)
    table = {"time_s": np.arange(len(acc)) / 100.0}
    for segment, offset in (("thigh", OFFSET), ("shank", np.zeros(3))):
        noisy = acc + offset + rng.normal(0, 0.02, acc.shape), gyr + rng.normal(0, 0.002, gyr.shape)
        for kind, values in zip(("acc", "gyr"), noisy, strict=True):
            table |= {f"{segment}_{kind}_{a}": values[:, k] for k, a in enumerate("xyz")}
    return pd.DataFrame(table)


def test_a_recording_of_six_positions_calibrates_its_sensors(tmp_path: Path, store: SensorStore, capsys):
    file = recording(tmp_path / "laid.knee", laid_table())
    assert run(["calibrate", str(file), "--inertial"]) == 0
    said = capsys.readouterr().out
    assert all(address in said for address in ADDRESSES) and "6 sides" in said
    found = store.load(ADDRESSES[0])
    assert found is not None and found.acc_bias == pytest.approx(OFFSET, abs=0.03) and found.date == "2026-03-01"


def test_one_sensor_can_be_named_and_an_unknown_one_is_refused(tmp_path: Path, store: SensorStore, capsys):
    file = recording(tmp_path / "laid.knee", laid_table())
    assert run(["calibrate", str(file), "--inertial", "--sensor", ADDRESSES[1].lower()]) == 0
    assert store.load(ADDRESSES[0]) is None and store.load(ADDRESSES[1]) is not None
    assert run(["calibrate", str(file), "--inertial", "--sensor", "11:22"]) == 1
    assert "holds no sensor 11:22" in capsys.readouterr().err


def test_too_few_sides_and_wrong_calls_are_one_line_each(tmp_path: Path, store: SensorStore, capsys):
    file = recording(tmp_path / "few.knee", laid_table(turns=1))
    assert run(["calibrate", str(file), "--inertial"]) == 1
    err = capsys.readouterr().err.strip()
    assert "2 inclinations" in err and "\n" not in err
    assert run(["calibrate", "--inertial"]) == 2 and "--sensor" in capsys.readouterr().err
    assert run(["calibrate", str(file)]) == 2 and "--out" in capsys.readouterr().err
    assert not store.folder.exists()


def test_a_session_uses_what_is_kept_and_its_recording_remembers(tmp_path: Path, store: SensorStore):
    bias = np.array([0.1, 0.2, -0.1]) + 1e-9 / 3
    store.save(Inertial(acc_bias=bias, address=ADDRESSES[0], date="2026-01-31"))
    found, lines = stored_corrections(WORN, today=date(2026, 3, 1))
    assert list(found) == [1] and lines == []
    assert "days old" in stored_corrections(WORN, today=date(2027, 3, 1))[1][0]
    table = simulation(12, Side.LEFT, "stand:5,flex:6@{side},walk:5").table(Side.LEFT)
    file = recording(tmp_path / "a.knee", table, {META: corrections_text(found)})
    with Recording(file) as one:
        again = recorded_corrections(one, "a")
    assert np.array_equal(again[1].acc_bias, bias), "to the last bit"
    store.save(Inertial(address=ADDRESSES[0], date="2026-02-28"))
    outs = []
    for name, meta in (("with", {META: corrections_text(found)}), ("without", {})):
        file = recording(tmp_path / f"{name}.knee", table, meta)
        assert run(["replay", str(file), "--out", str(tmp_path / name)]) == 0
        outs.append(pd.read_parquet(tmp_path / name / "angles.parquet").flexion_deg)
    assert not np.array_equal(outs[0], outs[1], equal_nan=True), "the recorded correction is used, not the kept one"


def test_a_damaged_one_is_not_used_and_said(store: SensorStore):
    path = store.save(Inertial(address=ADDRESSES[0], date="2026-01-31"))
    path.write_text("{", encoding="utf-8")
    found, (line,) = stored_corrections(WORN)
    assert found == {} and str(path) in line and "not used" in line


@pytest.mark.parametrize("text", ["{", "[]", '{"one": {}}', '{"1": {"format": "other"}}', '{"1": ' * 50])
def test_damaged_recorded_corrections_are_refused(tmp_path: Path, text: str):
    table = laid_table(turns=0)
    with Recording(recording(tmp_path / "a.knee", table, {META: text})) as one, pytest.raises(BadInputError):
        recorded_corrections(one, "a.knee")


class Hand:
    """A receiver that hands on a sensor as it is laid from side to side."""

    def __init__(self, table: pd.DataFrame, rows: int = 25) -> None:
        self.packets = []
        for begin in range(0, len(table), rows):
            part = table.iloc[begin : begin + rows]
            acc, gyr = (
                np.ascontiguousarray(part[[f"thigh_{k}_{a}" for a in "xyz"]].to_numpy()) for k in ("acc", "gyr")
            )
            payload = pack(part["time_s"].to_numpy(), acc, gyr)
            self.packets.append(Arrival(0, begin * 10_000_000, CHARACTERISTIC, payload))

    async def receive(self, timeout_s: float) -> list[Arrival]:
        now, self.packets = self.packets[:2], self.packets[2:]
        return now


def test_the_live_guide_counts_sides_and_ends_by_itself(capsys):
    hand = Hand(laid_table())
    laying = Laying(ADDRESSES[0], NAME, 100.0)
    found = asyncio.run(guided(hand, laying, lambda: not hand.packets))
    said = capsys.readouterr().out
    assert "side 6 of 6" in said and said.count("now another one") == 5
    assert found.inertial.acc_bias == pytest.approx(OFFSET, abs=0.04) and found.inertial.address == ADDRESSES[0]


def test_the_temperature_that_a_sensor_told_is_kept_with_its_calibration():
    table = laid_table()
    acc, gyr = (np.ascontiguousarray(table[[f"thigh_{k}_{a}" for a in "xyz"]].to_numpy()) for k in ("acc", "gyr"))
    laying = Laying(ADDRESSES[0], "witmotion", 100.0)
    laying.take(witmotion.NOTIFY, witmotion.register_answer(0x40, [2975, *[0] * 7]))
    for characteristic, payload in witmotion.WitMotionEncoder().encode([], acc, gyr, 1.0, 244):
        laying.take(characteristic, payload)
    assert laying.sides() == 6
    assert laying.calibration("2026-01-01").inertial.temperature_c == 29.75


def test_the_live_guide_ended_too_early_says_how_far_it_came():
    hand = Hand(laid_table(turns=2))
    with pytest.raises(KneetrackError, match="3 of 6"):
        asyncio.run(guided(hand, Laying(ADDRESSES[0], NAME, 100.0), lambda: not hand.packets))


def test_the_clinicians_angle_is_entered_in_a_profile_that_is_there(tmp_path: Path, capsys):
    table = simulation(12, Side.LEFT, "stand:5,flex:6@{side},walk:5").table(Side.LEFT)
    file = recording(tmp_path / "a.knee", table)
    profile = tmp_path / "anna.json"
    assert run(["calibrate", str(file), "--out", str(profile)]) == 0
    before = json.loads(profile.read_text())
    assert before["static_valgus_deg"] is None and before["quality"]["sd_deg"] > 0
    assert run(["calibrate", str(profile), "--static-valgus", "-4.5", "--out", str(profile)]) == 0
    after = json.loads(profile.read_text())
    sits = [profile.pop("alignment") for profile in (before, after)]
    for name in sits[0].keys() - {"method"}:
        assert np.allclose(sits[0][name], sits[1][name], atol=1e-9), name
    # The path's angles go through radians and back.
    assert after | {"unloaded_path": 0} == before | {"unloaded_path": 0, "static_valgus_deg": -4.5}
    assert "-4.5 deg" in capsys.readouterr().out
    assert run(["calibrate", str(profile), "--out", str(profile)]) == 2
    assert run(["process", str(file), "--calibration", str(profile), "--out", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["structural_valgus_deg"] == {"left": -4.5}
