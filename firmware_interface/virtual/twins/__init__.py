"""The virtual twin of each format's sensors: one file each, facts as in the driver of the same name."""

from collections.abc import Callable

from firmware_interface.drivers.interface import Driver
from firmware_interface.drivers.sketch import Sketch
from firmware_interface.virtual.behaviour import Behaviour
from firmware_interface.virtual.twins.bluest import BlueStTwin
from firmware_interface.virtual.twins.metamotion import MetaMotionTwin
from firmware_interface.virtual.twins.movella_dot import DotTwin
from firmware_interface.virtual.twins.open_format import OpenTwin
from firmware_interface.virtual.twins.openearable import OpenEarableTwin
from firmware_interface.virtual.twins.polar import PolarTwin
from firmware_interface.virtual.twins.sketch import SketchTwin
from firmware_interface.virtual.twins.thingy52 import ThingyTwin
from firmware_interface.virtual.twins.witmotion import WitTwin
from firmware_interface.virtual.twins.ximu3 import Ximu3Twin

_TWINS: dict[str, Callable[[float], Behaviour]] = {
    "movella_dot": DotTwin,
    "witmotion": WitTwin,
    "open_format": OpenTwin,
    "metamotion": MetaMotionTwin,
    "thingy52": ThingyTwin,
    "bluest": BlueStTwin,
    "openearable": OpenEarableTwin,
    "polar_verity_sense": PolarTwin,
    "ximu3": Ximu3Twin,
}


def twin(driver: Driver, rate_hz: float) -> Behaviour:
    """The firmware of a sensor that this driver speaks to. rate_hz: its rate until it is told another."""
    if isinstance(driver, Sketch):
        return SketchTwin(driver.described)
    return _TWINS[driver.name](rate_hz)
