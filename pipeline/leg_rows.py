"""Both sensors of one leg, oriented, on the common grid: what the calibration and the relative heading work on."""

from dataclasses import dataclass

import numpy as np

from pipeline.blocks import Bools, Floats
from pipeline.quaternions import upward


@dataclass(frozen=True, slots=True)
class LegRows:
    """Rows of both sensors: acc (n, 3) m/s2, gyr (n, 3) rad/s without bias, quat (n, 4) sensor to level frame."""

    start: int
    thigh_acc: Floats
    thigh_gyr: Floats
    thigh_quat: Floats
    shank_acc: Floats
    shank_gyr: Floats
    shank_quat: Floats
    ok: Bools

    def __len__(self) -> int:
        return len(self.ok)

    def cut(self, begin: int, end: int) -> "LegRows":
        """Rows begin to end."""
        s = slice(begin, end)
        return LegRows(
            self.start + begin,
            self.thigh_acc[s],
            self.thigh_gyr[s],
            self.thigh_quat[s],
            self.shank_acc[s],
            self.shank_gyr[s],
            self.shank_quat[s],
            self.ok[s],
        )


def picked_rows(rows: LegRows, mask: Bools | slice) -> LegRows:
    """The rows where mask is True, or of a slice; they need not follow each other."""
    names = ("thigh_acc", "thigh_gyr", "thigh_quat", "shank_acc", "shank_gyr", "shank_quat", "ok")
    return LegRows(rows.start, *(getattr(rows, n)[mask] for n in names))


def join_rows(parts: list[LegRows]) -> LegRows:
    """One after the other."""
    names = ("thigh_acc", "thigh_gyr", "thigh_quat", "shank_acc", "shank_gyr", "shank_quat", "ok")
    return LegRows(parts[0].start, *(np.concatenate([getattr(p, n) for p in parts]) for n in names))


def sagittal(quat: Floats, segment: Floats) -> Floats:
    """(n,) sagittal inclination, lower end forwards +, rad; segment: (3, 3) frame from sensor."""
    x, y = _upright_in(quat, segment)
    return np.asarray(np.arctan2(x, y))


def sagittal_difference(quat1: Floats, segment1: Floats, quat2: Floats, segment2: Floats) -> Floats:
    """(n,) the first sagittal inclination minus the second, -pi to pi."""
    x1, y1 = _upright_in(quat1, segment1)
    x2, y2 = _upright_in(quat2, segment2)
    return np.asarray(np.arctan2(x1 * y2 - y1 * x2, x1 * x2 + y1 * y2))


def _upright_in(quat: Floats, segment: Floats) -> tuple[Floats, Floats]:
    """(n,) each: the vertical along a segment's anterior and long axis."""
    r = upward(quat)
    x, y = (r[0] * v[0] + r[1] * v[1] + r[2] * v[2] for v in segment[:2])
    return x, y


def inclination_from(up: Floats, quat: Floats) -> Floats:
    """(n,) rad between the vertical and the sensor direction `up` (3,) that was vertical in standing; of whole blocks
    (a matrix product)."""
    x, y, z = up.tolist()
    form = np.array([[z, y, -x, 0.0], [y, -z, 0.0, x], [-x, 0.0, -z, y], [0.0, x, y, z]])
    cosine = np.einsum("nj,nj->n", quat @ form, quat)
    return np.asarray(np.arccos(np.minimum(np.maximum(cosine, -1.0), 1.0)))
