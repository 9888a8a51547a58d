"""What a call brings to an analysis, and what of it is not used."""

from pipeline.commands.inputs import left_over
from pipeline.records import Segment, SensorInfo, Side
from tests.pipeline.test_private_files import PROFILE


def test_a_calibration_of_a_leg_that_wears_no_sensor_is_told() -> None:
    left, right = (SensorInfo(1, "AA", "open_format", side, Segment.THIGH) for side in (Side.LEFT, Side.RIGHT))
    given = {Side.RIGHT: PROFILE}
    assert left_over(given, [left], "a.knee") == [
        "a.knee holds no sensor of the right leg: its calibration is not used"
    ]
    assert left_over(given, [left, right], "a.knee") == left_over({}, [left], "a.knee") == []
