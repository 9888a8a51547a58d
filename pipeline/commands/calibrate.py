"""`kneetrack calibrate`: a saved calibration, from a recording or guided and live."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.options import (
    Filter,
    FilterOption,
    LanOption,
    PortOption,
    RateOption,
    SensorOption,
    SideOption,
    VirtualOption,
)
from pipeline.errors import BadInputError, KneetrackError
from pipeline.records import SensorInfo, Side

if TYPE_CHECKING:
    from calibration.profile import Profile


def calibrate(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A recording of quiet standing and slow knee flexions, or a profile to edit; without it: live.",
            metavar="[FILE]",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The profile to write (JSON).", metavar="PROFILE")] = None,
    side: SideOption = None,
    static_valgus: Annotated[
        float | None,
        typer.Option(
            "--static-valgus", min=-30.0, max=30.0, help="The clinician's measured fixed alignment, deg, valgus +."
        ),
    ] = None,
    inertial: Annotated[
        bool,
        typer.Option(
            "--inertial",
            help="The sensor's own errors instead: still for 3 s on each of its six sides. Kept for its next sessions.",
        ),
    ] = False,
    filter_: FilterOption = None,
    virtual: VirtualOption = False,
    rate: RateOption = 100.0,
    sensor: SensorOption = None,
    dashboard: Annotated[bool, typer.Option("--dashboard", help="Guide the person in a browser, too.")] = False,
    lan: LanOption = False,
    port: PortOption = 8077,
) -> None:
    """Write a calibration profile of one leg: stand still for 5 s, bend the free knee slowly 6 times, walk ten steps.

    A profile belongs to one strapping-on of the sensors. Given a profile as FILE, --static-valgus is entered in it.
    With --inertial, FILE or --sensor ADDRESS names the sensors that are laid on their six sides.
    """
    if inertial:
        _inertial(file, side, list(sensor or []), rate, virtual)
        return
    if out is None:
        raise typer.BadParameter("name the profile to write", param_hint="--out")
    if file is not None and file.suffix.lower() == ".json":
        _edit(file, static_valgus, out)
        return
    if file is None:
        from pipeline.commands.assigning import parse_places
        from pipeline.commands.connecting import Wanted
        from pipeline.commands.guiding import guided
        from pipeline.screens.dashboard.publisher import Where

        wanted = Wanted((side or Side.RIGHT,), rate, virtual, parse_places(sensor or []))
        profile, sensors = guided(wanted, filter_ or Filter.VQF, Where(lan, port) if dashboard or lan else None)
    else:
        profile, sensors = _recorded(file, side, filter_)
    worn = {sensor.segment.value: sensor.address for sensor in sensors}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    profile = replace(profile, static_valgus_deg=static_valgus, sensors=worn, created_utc=now)
    _save(profile, out)


def _inertial(file: Path | None, side: Side | None, sensors: list[str], rate_hz: float, virtual: bool) -> None:
    from calibration.sensor_store import SensorStore
    from pipeline.commands.laying import calibrate_live, calibrate_recorded

    # PLACE=ADDRESS does as well: here the place does not matter.
    addresses = [sensor.rpartition("=")[2] for sensor in sensors]
    if file is not None:
        calibrate_recorded(file, side, addresses, SensorStore())
    elif len(addresses) == 1:
        calibrate_live(addresses[0], rate_hz, virtual, SensorStore())
    else:
        raise typer.BadParameter(
            "one sensor at a time is laid down: name it (see `kneetrack scan`)", param_hint="--sensor"
        )


def _edit(file: Path, static_valgus: float | None, out: Path) -> None:
    """The clinician's angle into a profile that is there."""
    from calibration.profile import ProfileError, load_profile

    try:
        profile = load_profile(file)
    except ProfileError as error:
        raise BadInputError(str(error)) from error
    if static_valgus is None:
        raise typer.BadParameter(f"{file} is a profile: say what to enter", param_hint="--static-valgus")
    _save(replace(profile, static_valgus_deg=static_valgus), out)


def _recorded(file: Path, side: Side | None, filter_: str | None) -> "tuple[Profile, list[SensorInfo]]":
    from itertools import chain

    from pipeline import offline
    from pipeline.commands.corrections import recorded_corrections
    from pipeline.commands.inputs import filter_of, sensors_of
    from pipeline.commands.progress import bar
    from pipeline.files.opening import open_recording

    recording = open_recording(file, side)
    try:
        sensors = sensors_of(recording, side, str(file))
        sides = sorted({sensor.side.value for sensor in sensors})
        if len(sides) > 1:
            raise BadInputError(f"{file} holds both legs: choose one with --side")
        from pipeline.session import Settings

        with bar(file.name) as progress:
            corrections = recorded_corrections(recording, str(file))
            settings = Settings(filter=filter_of(recording, filter_), corrections=corrections)
            found = offline.process(chain.from_iterable(recording.records()), sensors, settings, progress)
    finally:
        recording.close()
    profile = found.profiles.get(Side(sides[0]))
    if profile is None:
        raise KneetrackError(
            f"{file} does not calibrate the {sides[0]} leg: record 5 s of quiet standing, then 5 slow knee flexions"
        )
    return profile, list(sensors)


def _save(profile: "Profile", out: Path) -> None:
    from calibration.profile import save_profile

    out.parent.mkdir(parents=True, exist_ok=True)
    save_profile(profile, out)
    alignment = profile.alignment
    typer.echo(
        f"{out}: {profile.side} leg, from {alignment.method}; flexion axis known to "
        f"{_deg(alignment.thigh_axis_sd):.1f} deg (thigh) and {_deg(alignment.shank_axis_sd):.1f} deg (shank)"
    )
    if profile.static_valgus_deg is not None:
        typer.echo(f"Measured fixed alignment {profile.static_valgus_deg:+.1f} deg (valgus +), reported apart.")
    if not profile.path.known:
        typer.echo(
            "No unloaded flexions were seen: valgus excess will equal abduction. Bend the free knee slowly 5 times."
        )


def _deg(angle: float) -> float:
    from math import degrees

    return degrees(angle)
