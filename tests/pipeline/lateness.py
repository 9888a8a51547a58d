"""How late rows are against the course of the motion that they sampled."""

from collections.abc import Callable, Sequence

import numpy as np

from pipeline.blocks import Floats, GridBlock

Course = Callable[..., Floats]
"""Of times (n,), and the order of the derivative: acceleration and rate (n, 6) of one sensor."""


def lateness_ms(rows: GridBlock, courses: Sequence[Course]) -> Floats:
    """(2,) of thigh and shank. Rows and course are smoothed before they are compared: between samples the fastest of a
    heel strike is interpolated wrongly, which looks like milliseconds."""
    window = np.hanning(17)[1:-1] / np.hanning(17).sum()
    scale = np.repeat([1.0, 5.0], 3)

    def smooth(values: Floats) -> Floats:
        return np.stack([np.convolve(column, window, "valid") for column in (scale * values).T], axis=1)

    late = []
    sensors = (rows.thigh_acc, rows.thigh_gyr), (rows.shank_acc, rows.shank_gyr)
    for course, signals in zip(courses, sensors, strict=True):
        found, lag = smooth(np.hstack(signals)), 0.0
        for _ in range(8):
            slope = smooth(course(rows.time_s - lag, 1))
            lag -= float(((found - smooth(course(rows.time_s - lag))) * slope).sum() / (slope * slope).sum())
        late.append(lag)
    return 1e3 * np.array(late)


def cut_about(block: GridBlock, begin_s: float, end_s: float) -> GridBlock:
    """The rows between two times."""
    return block.cut(*(int(np.searchsorted(block.time_s, t)) for t in (begin_s, end_s)))
