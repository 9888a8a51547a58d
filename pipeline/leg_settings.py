"""How one leg is analysed, live and two-sided."""

from dataclasses import dataclass, field

import numpy as np

from calibration.profile import Profile
from pipeline.axis_watch import AxisWatchParameters
from pipeline.blocks import Activity
from pipeline.heading_model import HeadingParameters
from pipeline.neutral import NeutralParameters
from pipeline.orientation import OrientationParameters
from pipeline.slip import SlipParameters


@dataclass(frozen=True, slots=True)
class SecondLookParameters:
    """When the calibration is looked at again, live: after so many seconds of movement since (first_s), then whenever
    there are `growth` times as many, for at most kept_s in all. moving_rad_s: what counts as movement. before_s: what
    is kept while a calibration is awaited; ahead_s: of it, what is kept before the standing. axis_s: movement after
    which nothing else need be told of the thigh's axis. known_sd, far: a frame that is known to within the one is not
    turned by more than the other, rad, before a second look says the same."""

    first_s: float = 0.25
    growth: float = 1.5
    kept_s: float = 150.0
    moving_rad_s: float = 0.5
    before_s: float = 80.0
    ahead_s: float = 10.0
    axis_s: float = 4.0
    known_sd: float = np.deg2rad(20.0)
    far: float = np.deg2rad(35.0)


@dataclass(frozen=True, slots=True)
class LegSettings:
    """How a leg is analysed. profile: a saved calibration, used as given. activity: set by hand. wrong_axis: a thigh
    axis that turns out further off than this (rad) is replaced, not corrected."""

    orientation: OrientationParameters = field(default_factory=OrientationParameters)
    heading: HeadingParameters = field(default_factory=HeadingParameters)
    neutral: NeutralParameters = field(default_factory=NeutralParameters)
    axis_watch: AxisWatchParameters = field(default_factory=AxisWatchParameters)
    second_look: SecondLookParameters = field(default_factory=SecondLookParameters)
    slip: SlipParameters = field(default_factory=SlipParameters)
    profile: Profile | None = None
    activity: Activity | None = None
    wrong_axis: float = np.deg2rad(35.0)
