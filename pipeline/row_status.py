"""Why the rows of one leg are, or are not, to be trusted, as far as the sensors and the calibration tell."""

import numpy as np

from pipeline.blocks import Bytes, GridBlock, Status


def row_status(grid: GridBlock, aligned: bool, slipped: bool = False) -> Bytes:
    """(n,) codes of Status. aligned: whether it is known how the sensors sit; slipped: whether one of them moved."""
    status = np.full(len(grid), int(Status.OK if aligned else Status.CALIBRATING), np.uint8)
    both = np.count_nonzero(grid.thigh_ok & grid.shank_ok) == len(grid)
    if both and not (slipped or np.count_nonzero(grid.clipped)):
        return status
    status[grid.clipped & (status == Status.OK)] = Status.CLIPPED
    if slipped:
        status[status <= Status.SLIPPED] = Status.SLIPPED
    status[grid.thigh_ok != grid.shank_ok] = Status.SINGLE_SENSOR
    status[~grid.thigh_ok & ~grid.shank_ok] = Status.GAP
    return status
