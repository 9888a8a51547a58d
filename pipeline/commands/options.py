"""The options that several commands share, and what is made of their values."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import BadInputError
from pipeline.records import Side


class Legs(StrEnum):
    """Which legs carry sensors."""

    LEFT = "left"
    RIGHT = "right"
    BOTH = "both"

    @property
    def sides(self) -> tuple[Side, ...]:
        """One or two sides, right first."""
        return (Side.RIGHT, Side.LEFT) if self is Legs.BOTH else (Side(self.value),)


class Filter(StrEnum):
    """The orientation filter: VQF, or one of the ahrs package to compare with."""

    VQF = "vqf"
    MADGWICK = "madgwick"
    MAHONY = "mahony"
    EKF = "ekf"


class Doing(StrEnum):
    """What a person can say is being done: the activities that come in steps or repetitions."""

    WALKING = "walking"
    STAIR_ASCENT = "stair_ascent"
    STAIR_DESCENT = "stair_descent"
    LUNGE = "lunge"
    SQUAT = "squat"
    SINGLE_LEG_SQUAT = "single_leg_squat"
    DEADLIFT = "deadlift"
    STEP_UP = "step_up"
    STEP_DOWN = "step_down"
    SIT_TO_STAND = "sit_to_stand"
    OTHER = "other"


Files = Annotated[
    list[Path],
    typer.Argument(
        help="Recordings (.knee), tables (.csv, .parquet), or what the makers' programs write: Movella DOT, Xsens MT "
        "(thigh and shank), WitMotion (one log), x-IMU3 (a folder).",
        metavar="FILE...",
    ),
]
SideOption = Annotated[
    Side | None, typer.Option("--side", help="The leg of a table (default right); a .knee file knows its own.")
]
CalibrationOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--calibration",
        metavar="PROFILE",
        help="A profile of `kneetrack calibrate`, used as given; once for each leg.",
    ),
]
ThresholdsOption = Annotated[
    Path | None,
    typer.Option(
        "--thresholds",
        metavar="FILE",
        help="Valgus thresholds, clean movement and prescribed sets of a person (TOML).",
    ),
]
ActivityOption = Annotated[
    Doing | None,
    typer.Option("--activity", help="What is done, said by hand: steps and repetitions that can be it are called so."),
]
FilterOption = Annotated[
    Filter | None, typer.Option("--filter", help="Orientation filter (default: the recording's, else vqf).")
]
VirtualOption = Annotated[
    bool, typer.Option("--virtual", help="Live: a simulated person's sensors over a virtual radio.")
]
RateOption = Annotated[float, typer.Option("--rate", min=20.0, max=1000.0, help="Samples a second to ask for.")]
SensorOption = Annotated[
    list[str] | None,
    typer.Option("--sensor", help="Who sits where, e.g. right-thigh=D4:22:CD:00:11:22.", metavar="PLACE=ADDRESS"),
]
NetworkOption = Annotated[
    bool, typer.Option("--network", help="Sensors on this network (x-IMU3) instead of Bluetooth.")
]
DriverFileOption = Annotated[
    Path | None,
    typer.Option(
        "--driver-file",
        metavar="FILE",
        help="A sensor of your own, described in TOML: see SKETCH_FORMAT.md.",
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", help="Use no device but this one; once for each.", metavar="ADDRESS"),
]
LanOption = Annotated[
    bool, typer.Option("--lan", help="Open the dashboard to other devices in the network (a tablet), by a secret code.")
]
PortOption = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="The dashboard's port; the next free one; 0: any.")
]
LslOption = Annotated[
    bool,
    typer.Option("--lsl", help="Offer angles and events as LSL streams to this network (extra `lsl`)."),
]
OrientationsOption = Annotated[
    bool, typer.Option("--orientations", help="Also write both segments' quaternions (orientations.parquet).")
]


def _person(text: str | None) -> str | None:
    from pipeline.person import person_id

    try:
        return None if text is None else person_id(text)
    except BadInputError as error:
        raise typer.BadParameter(str(error)) from None


PersonOption = Annotated[
    str | None,
    typer.Option("--person", callback=_person, help="Whose session it is: a pseudonym, not a name.", metavar="ID"),
]
PdfOption = Annotated[bool, typer.Option("--pdf", help="Also as a PDF (needs the extra `pdf`).")]
