"""Quaternions, scalar first, one a row, written out element by element.

The causal engine must give the same bits however its input is cut into blocks. Sums over axes and matrix products may
round differently for other block lengths; plain products and sums of contiguous columns do not. So the stages that run
live use these few formulas; everything else uses scipy's `Rotation`.

Live, a few rows come at a time, and what a formula costs is the number of numpy's calls: those on contiguous arrays of
one shape take a quarter of what broadcasting or strides take. So `product` works on components.
"""

import numpy as np

from pipeline.blocks import Floats

ZERO, HALF, ONE, TWO = (np.array(number) for number in (0.0, 0.5, 1.0, 2.0))
"""As arrays: to make one of a Python number takes numpy as long as to multiply some rows by it."""

Components = Floats | tuple[Floats, Floats, Floats, Floats]
"""w, x, y and z of many quaternions, as the rows of an array (4, ...) or one by one."""


def multiply(p: Floats, q: Floats) -> Floats:
    """(n, 4) Hamilton products p q; either may be a single (4,) quaternion."""
    pw, px, py, pz = p[..., 0], p[..., 1], p[..., 2], p[..., 3]
    qw, qx, qy, qz = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    return np.stack(
        [
            pw * qw - px * qx - py * qy - pz * qz,
            pw * qx + px * qw + py * qz - pz * qy,
            pw * qy - px * qz + py * qw + pz * qx,
            pw * qz + px * qy - py * qx + pz * qw,
        ],
        axis=-1,
    )


def product(p: Components, q: Components, out: Floats | None = None) -> Floats:
    """(4, ...) the same of components w, x, y, z, those of q of the shape of p or stretched to it; out (4, ...): where
    to put it, not p or q themselves."""
    pw, px, py, pz = p
    qw, qx, qy, qz = q
    result = np.empty((4, *pw.shape)) if out is None else out
    w, x, y, z = result
    np.multiply(pw, qw, w)
    w -= px * qx
    w -= py * qy
    w -= pz * qz
    np.multiply(pw, qx, x)
    x += px * qw
    x += py * qz
    x -= pz * qy
    np.multiply(pw, qy, y)
    y -= px * qz
    y += py * qw
    y += pz * qx
    np.multiply(pw, qz, z)
    z += px * qy
    z -= py * qx
    z += pz * qw
    return result


def conjugate(q: Floats) -> Floats:
    """The inverse of unit quaternions."""
    inverse: Floats = q * np.array([1.0, -1.0, -1.0, -1.0])
    return inverse


def about_z(angle: Floats) -> Floats:
    """(n, 4) rotations by angle (n,) rad about z."""
    zero = np.zeros_like(angle)
    return np.stack([np.cos(0.5 * angle), zero, zero, np.sin(0.5 * angle)], axis=-1)


def small(rx: Floats, ry: Floats) -> Floats:
    """(n, 4) rotations by a few degrees at most about the horizontal vector (rx, ry, 0) rad."""
    scale = 1.0 / np.sqrt(1.0 + 0.25 * (rx * rx + ry * ry))
    return np.stack([scale, 0.5 * rx * scale, 0.5 * ry * scale, np.zeros_like(rx)], axis=-1)


def columns(q: Floats) -> tuple[Floats, ...]:
    """The nine entries r00, r01, ... r22, (n,) each, of the rotation matrices of unit quaternions q (n, 4)."""
    w, x, y, z = (np.ascontiguousarray(q[..., k]) for k in range(4))
    return (
        1.0 - 2.0 * (y * y + z * z),
        2.0 * (x * y - w * z),
        2.0 * (x * z + w * y),
        2.0 * (x * y + w * z),
        1.0 - 2.0 * (x * x + z * z),
        2.0 * (y * z - w * x),
        2.0 * (x * z - w * y),
        2.0 * (y * z + w * x),
        1.0 - 2.0 * (x * x + y * y),
    )


def upward(q: Floats) -> tuple[Floats, Floats, Floats]:
    """The last row r20, r21, r22, (n,) each, of the same: the vertical as seen from the rotated frames."""
    w, x, y, z = (np.ascontiguousarray(q[..., k]) for k in range(4))
    return 2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)


def cosine_and_sine(angle: Floats) -> tuple[Floats, Floats]:
    """Of angles (...) rad, by the tangent of the half angle, which numpy calculates many at a time."""
    t = np.tan(HALF * angle)
    double = TWO / (ONE + t * t)
    return double - ONE, double * t


def rotate(q: Floats, v: Floats) -> Floats:
    """(n, 3) vectors v (n, 3) taken through the rotations q (n, 4)."""
    return np.ascontiguousarray(rotated_columns(q, v).T)


def rotated_columns(q: Floats, v: Floats) -> Floats:
    """(3, n) the same, column by column."""
    rotated = np.empty((3, len(v)))
    for begin in range(0, len(v), _AT_ONCE):
        rows = slice(begin, begin + _AT_ONCE)
        w, x, y, z = np.ascontiguousarray(q[rows].T)
        a, b, c = np.ascontiguousarray(v[rows].T)
        # v + w t + u x t with the vector part u and t = 2 u x v.
        tx, ty, tz = y * c - z * b, z * a - x * c, x * b - y * a
        tx += tx
        ty += ty
        tz += tz
        np.add(a + w * tx, y * tz - z * ty, rotated[0, rows])
        np.add(b + w * ty, z * tx - x * tz, rotated[1, rows])
        np.add(c + w * tz, x * ty - y * tx, rotated[2, rows])
    return rotated


_AT_ONCE = 4096
"""Rows whose columns stay in the processor's cache."""


def from_matrix(m: Floats) -> Floats:
    """(4,) quaternion of one rotation matrix (3, 3), scalar >= 0: from the largest of its four entries, so that none is
    a difference of numbers alike (Shepperd 1978, J Guidance Control 1:223)."""
    (a, b, c), (d, e, f), (g, h, i) = m.tolist()
    squares = (1.0 + a + e + i, 1.0 + a - e - i, 1.0 - a + e - i, 1.0 - a - e + i)
    largest = max(range(4), key=squares.__getitem__)
    rows = (
        (squares[0], h - f, c - g, d - b),
        (h - f, squares[1], b + d, c + g),
        (c - g, b + d, squares[2], f + h),
        (d - b, c + g, f + h, squares[3]),
    )
    q = np.array(rows[largest])
    q /= np.sqrt(q @ q)
    return q if q[0] >= 0 else -q
