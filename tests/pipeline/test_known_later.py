"""What `process` knows of two clocks when the recording is over, against what was known as it came."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from firmware_interface.samples import Floats
from pipeline.blocks import GridBlock, join
from pipeline.intake import Intake, IntakeParameters
from pipeline.records import Event, Notification, Record
from tests.pipeline.links import Link
from tests.pipeline.test_agreement import INFOS, RATE_HZ, both, decoder, late_ms, sent, signals
from tests.pipeline.two_links import two_links

SECONDS = 70.0


@pytest.fixture(scope="module")
def courses() -> tuple[CubicSpline, CubicSpline]:
    links = two_links(21, SECONDS + 1.0, RATE_HZ)
    return signals(links, 0), signals(links, 1)


def taken(records: list[Record]) -> tuple[GridBlock, GridBlock]:
    """The rows as they came, and looked back on."""
    intake = Intake(INFOS, parameters=IntakeParameters(keep_lines=True), decoder=decoder)
    ordered = sorted(records, key=lambda record: record.host_time_ns)
    block = join([block for record in ordered for block in intake.update(record)] + intake.finish())
    return block, intake.looked_back(block)


def linked(courses: tuple[CubicSpline, CubicSpline], seed: int, skews: tuple[float, float]) -> list[Record]:
    """Both sensors on links of their own, 30 ms, 2 % and 25 % missed."""
    rng = np.random.default_rng(seed)
    records: list[Record] = []
    for k, (course, skew, miss) in enumerate(zip(courses, skews, (0.02, 0.25), strict=True)):
        true = np.arange(0.5 + rng.uniform(0.0, 0.01), SECONDS, 1 / RATE_HZ / (1 + skew))
        arrivals = Link(miss=miss).arrivals(true, SECONDS, rng)
        for i, (arrival, row) in enumerate(zip(arrivals.tolist(), course(true), strict=True)):
            payload = (10_000 * i).to_bytes(8, "little") + row.tobytes()
            records.append(Notification(0, round(1e9 * arrival), k + 1, "c", payload))
    return records


def offsets_ms(block: GridBlock, courses: tuple[CubicSpline, CubicSpline], times: tuple[float, ...]) -> Floats:
    return np.array([np.subtract(*late_ms(block, courses, at)) for at in times])


def test_the_first_seconds_are_as_exact_as_the_last(courses: tuple[CubicSpline, CubicSpline]) -> None:
    """Seeds 0 to 5: before any motion was seen the phases are open, which no causal clock can know."""
    early, late = [], []
    for seed in range(6):
        came, back = taken(linked(courses, seed, (40e-6, -40e-6)))
        early.append([offsets_ms(block, courses, (3.0,))[0] for block in (came, back)])
        late.append(offsets_ms(back, courses, (30.0, 60.0)))
    came_rms, back_rms = np.sqrt(np.mean(np.square(early), axis=0))
    assert came_rms > 2.5
    assert back_rms < 2.0 and np.abs(late).max() < 3.0


def test_a_sensor_that_holds_its_samples_back_is_right_from_the_beginning(
    courses: tuple[CubicSpline, CubicSpline],
) -> None:
    came, back = taken(both(courses, 0.04))
    assert offsets_ms(came, courses, (2.0,))[0] == pytest.approx(40.0, abs=1.0)
    assert np.abs(offsets_ms(back, courses, (2.0, 10.0, 24.0))).max() < 5.0


def test_rows_beside_a_hole_and_what_was_delivered_stay(courses: tuple[CubicSpline, CubicSpline]) -> None:
    away = [r for r in both(courses, 0.04) if not (r.sensor == 1 and 9e9 < r.host_time_ns < 12e9)]  # type: ignore[union-attr]
    came, back = taken(away)
    assert np.array_equal(came.thigh_ok, back.thigh_ok) and not came.thigh_ok.all()
    missing = ~came.thigh_ok
    assert np.array_equal(came.thigh_acc[missing], back.thigh_acc[missing])
    assert np.isfinite(back.thigh_acc).all()


def test_every_connection_has_its_own_line(courses: tuple[CubicSpline, CubicSpline]) -> None:
    """The thigh comes back with another latency; before and after, its rows are where they belong."""
    records = [*sent(courses[0], 1, 0.042, 0.0, 12.0), *sent(courses[0], 1, 0.002, 13.0, 26.0)]
    events = [
        Event(0, 12_060_000_000, "disconnected", {"sensor": 1}),
        Event(0, 12_900_000_000, "connected", {"sensor": 1}),
    ]
    _, back = taken([*records, *events, *sent(courses[1], 2, 0.002, 0.0, 26.0)])
    assert np.abs(offsets_ms(back, courses, (4.0, 11.0, 15.0, 25.0))).max() < 5.0
