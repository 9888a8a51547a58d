"""`kneetrack export`: a recording as a plain table of samples, or the motion found in it as C3D, for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.options import SideOption
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.blocks import GridBlock
    from pipeline.records import Side

_TABLES = (".csv", ".parquet")
_C3D = ".c3d"
_LATEST_S = 4e9


def export(
    source: Annotated[
        Path,
        typer.Argument(help="A recording (.knee), a table, or (to .c3d) a result folder.", metavar="FILE|DIR"),
    ],
    out: Annotated[Path, typer.Option("--out", help="The file to write: .csv, .parquet or .c3d.", metavar="FILE")],
    side: SideOption = None,
    from_s: Annotated[
        float | None,
        typer.Option(
            "--from", min=-_LATEST_S, max=_LATEST_S, help="Session time at which to begin.", metavar="SECONDS"
        ),
    ] = None,
    to_s: Annotated[
        float | None,
        typer.Option("--to", min=-_LATEST_S, max=_LATEST_S, help="Session time at which to end.", metavar="SECONDS"),
    ] = None,
) -> None:
    """Write what the sensors measured as a table, or what the knee did as a C3D file.

    A table (.csv, .parquet) has both sensors of one leg on one regular grid: time_s, thigh_acc_x (m/s2), thigh_gyr_x
    (rad/s), ... shank_... Where a sensor delivered nothing, its cells are empty. `process` reads it again.

    A C3D file (.c3d, with the extra `c3d`) has RKneeAngles and LKneeAngles in degrees, X flexion +, Y varus + (minus
    kneetrack's abduction), Z internal rotation +, not valid where the residual is -1; all columns of angles.parquet as
    analog channels; foot strikes, foot offs, repetitions, valgus episodes and marks as events. A recording is processed
    for it; of a result folder, what it holds is written.
    """
    if out.suffix.lower() not in (*_TABLES, _C3D):
        raise typer.BadParameter("name a .csv, a .parquet or a .c3d file", param_hint="--out")
    if from_s is not None and to_s is not None and not from_s < to_s:
        raise typer.BadParameter("it must be later than --from", param_hint="--to")
    # Before the work, which can take minutes.
    if not out.parent.is_dir():
        raise BadInputError(f"{out.parent} is no folder: make it first, or choose another name")
    if out.exists() and source.exists() and out.samefile(source):
        raise BadInputError(f"{out} is what is read, and is not overwritten: choose another name")
    if out.suffix.lower() == _C3D:
        _write_motion(source, out, side, from_s, to_s)
    else:
        _write_samples(source, out, side, from_s, to_s)


def _write_motion(source: Path, out: Path, side: "Side | None", from_s: float | None, to_s: float | None) -> None:
    from pipeline.files.c3d_file import ezc3d_module, write_c3d

    # Before the work: a package that is missing is told at once.
    ezc3d_module()
    from pipeline.commands.motion import motion_of

    motion, start_utc = motion_of(source, side, from_s, to_s)
    write_c3d(out, motion, start_utc)
    typer.echo(f"{out}: {motion.frames} frames, {len(motion.events)} events")


def _write_samples(file: Path, out: Path, side: "Side | None", from_s: float | None, to_s: float | None) -> None:
    from itertools import chain
    from math import inf

    from pipeline.blocks import join
    from pipeline.commands.inputs import sensors_of
    from pipeline.commands.motion import is_result_folder
    from pipeline.files.opening import open_recording
    from pipeline.files.private import claim_private, naming
    from pipeline.intake import Intake, IntakeParameters

    if is_result_folder(file):
        raise BadInputError(f"{file} is a result folder, whose tables are there already: export it as .c3d")
    recording = open_recording(file, side)
    try:
        sensors = sensors_of(recording, side, str(file))
        if len({sensor.side for sensor in sensors}) > 1:
            raise BadInputError(f"{file} holds both legs: choose one with --side")
        intake = Intake(sensors, parameters=IntakeParameters(min_rows=500))
        blocks = [block for record in chain.from_iterable(recording.records()) for block in intake.update(record)]
        blocks += intake.finish()
    finally:
        recording.close()
    if not sum(map(len, blocks)):
        raise BadInputError(f"{file} holds no sample that could be placed in time: there is nothing to export")
    table = _table(join(blocks))
    table = table[table["time_s"].between(-inf if from_s is None else from_s, inf if to_s is None else to_s)]
    if table.empty:
        raise BadInputError(f"{file} holds nothing in the time from --from to --to: there is nothing to export")
    part = out.with_name(f".{out.name}.partial")
    try:
        with naming(out):
            part.unlink(missing_ok=True)
            claim_private(part)
            table.to_parquet(part) if out.suffix == ".parquet" else table.to_csv(part, index=False)
            part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    typer.echo(f"{out}: {len(table)} rows")


def _table(grid: "GridBlock") -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    columns = {"time_s": grid.time_s}
    for segment, ok in (("thigh", grid.thigh_ok), ("shank", grid.shank_ok)):
        for kind in ("acc", "gyr"):
            values = np.where(ok[:, None], getattr(grid, f"{segment}_{kind}"), np.nan)
            columns |= {f"{segment}_{kind}_{axis}": values[:, i] for i, axis in enumerate("xyz")}
    return pd.DataFrame(columns)
