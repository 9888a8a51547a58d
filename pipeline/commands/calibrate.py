"""`kneetrack calibrate`: a saved calibration, from a recording or guided and live."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.options import (
    DriverFileOption,
    Filter,
    FilterOption,
    LanOption,
    NetworkOption,
    OnlyOption,
    PersonOption,
    PortOption,
    RateOption,
    SensorOption,
    SideOption,
    VirtualOption,
)
from pipeline.errors import BadInputError, KneetrackError
from pipeline.records import SensorInfo, Side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from calibration.profile import Profile
    from pipeline.update import Update


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
    clean: Annotated[
        Path | None,
        typer.Option(
            "--clean",
            metavar="FILE",
            help="Also write the clean movement of the recording's slow, well done repetitions and steps, for "
            "--thresholds (TOML).",
        ),
    ] = None,
    filter_: FilterOption = None,
    virtual: VirtualOption = False,
    rate: RateOption = 100.0,
    sensor: SensorOption = None,
    only: OnlyOption = None,
    driver_file: DriverFileOption = None,
    network: NetworkOption = False,
    person: PersonOption = None,
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
    if file is None and clean is not None:
        raise BadInputError("--clean learns from a recording: record the guided repetitions first, then name the file")
    found: Update | None = None
    if file is None:
        from pipeline.commands.assigning import parse_places
        from pipeline.commands.connecting import Wanted
        from pipeline.commands.guiding import guided
        from pipeline.screens.dashboard.publisher import Where

        legs, named = (side or Side.RIGHT,), parse_places(sensor or [])
        wanted = Wanted(legs, rate, virtual, named, only=only, driver_file=driver_file, network=network)
        where = Where(lan, port) if dashboard or lan else None
        profile = _worn(*guided(wanted, filter_ or Filter.VQF, where), person)
    else:
        profile, found = _recorded(file, side, filter_, person)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    profile = replace(profile, static_valgus_deg=static_valgus, created_utc=now)
    _save(profile, out)
    if clean is not None and found is not None:
        _save_clean(found, Side(profile.side), clean)


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


def _recorded(file: Path, side: Side | None, filter_: Filter | None, person: str | None) -> "tuple[Profile, Update]":
    from itertools import chain

    from pipeline import offline
    from pipeline.commands.inputs import Asked, sensors_of
    from pipeline.commands.progress import bar
    from pipeline.files.opening import open_recording
    from pipeline.person import person_of
    from pipeline.thresholds import Thresholds

    recording = open_recording(file, side)
    try:
        person = person_of(recording.meta, person, str(file))
        sensors = sensors_of(recording, side, str(file))
        sides = sorted({sensor.side.value for sensor in sensors})
        if len(sides) > 1:
            raise BadInputError(f"{file} holds both legs: choose one with --side")
        # What is called clean is judged by the usual thresholds, not by the session's.
        settings = replace(Asked(filter=filter_).settings(recording, str(file)), thresholds=Thresholds())
        with bar(file.name) as progress:
            found = offline.process(chain.from_iterable(recording.records()), sensors, settings, progress)
    finally:
        recording.close()
    profile = found.profiles.get(Side(sides[0]))
    if found.complaints:
        raise BadInputError(f"{file}: {found.complaints[0]}")
    if profile is None:
        raise KneetrackError(
            f"{file} does not calibrate the {sides[0]} leg: record 5 s of quiet standing, then 5 slow knee flexions"
        )
    return _worn(profile, sensors, person), found.update


def _worn(profile: "Profile", sensors: "Sequence[SensorInfo]", person: str | None) -> "Profile":
    """The profile with whose it is and the sensors that were worn."""
    addresses = {sensor.segment.value: sensor.address for sensor in sensors}
    return replace(profile, sensors=addresses, person=person or "")


def _save(profile: "Profile", out: Path) -> None:
    from calibration.profile import save_profile
    from pipeline.files.private import naming

    with naming(out):
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


def _save_clean(found: "Update", side: Side, out: Path) -> None:
    """The person's own clean movement, as a thresholds profile."""
    from pipeline.clean import CleanReference, guided_pieces, learn_clean
    from pipeline.files.private import write_private
    from pipeline.thresholds import clean_toml

    (leg,) = (leg for leg in found.legs if leg.side is side)
    steps = [step for step in found.steps if step.side == side.value and step.activity != "other"]
    learnt = learn_clean(guided_pieces(leg.block, steps), CleanReference({}))
    if not learnt.curves:
        raise KneetrackError("no two repetitions of a kind were recognised: record three slow ones of each exercise")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_private(out, clean_toml({side: learnt}))
    typer.echo(f"{out}: clean movement of {', '.join(activity.label for activity in learnt.curves)}")
    if found.episodes:
        typer.echo(
            f"{len(found.episodes)} valgus episodes lie in it by the usual thresholds: was it done well? A reference "
            "taken from collapsing repetitions hides the collapse."
        )


def _deg(angle: float) -> float:
    from math import degrees

    return degrees(angle)
