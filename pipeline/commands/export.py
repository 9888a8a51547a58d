"""`kneetrack export`: a recording as a plain table of samples, for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.options import SideOption
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.blocks import GridBlock


def export(
    file: Annotated[Path, typer.Argument(help="A recording (.knee) or a table.", metavar="FILE")],
    out: Annotated[Path, typer.Option("--out", help="The table to write (.csv or .parquet).", metavar="TABLE")],
    side: SideOption = None,
) -> None:
    """Write both sensors of one leg on one regular grid: time_s, thigh_acc_x (m/s2), thigh_gyr_x (rad/s), ... shank_...

    Where a sensor delivered nothing, its cells are empty. The table can be read by `process` again.
    """
    if out.suffix not in (".csv", ".parquet"):
        raise typer.BadParameter("name a .csv or a .parquet file", param_hint="--out")
    from itertools import chain

    from pipeline.blocks import join
    from pipeline.commands.inputs import sensors_of
    from pipeline.files.opening import open_recording
    from pipeline.files.private import claim_private, naming
    from pipeline.intake import Intake, IntakeParameters

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
