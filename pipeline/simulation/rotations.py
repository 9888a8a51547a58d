"""Quaternions in bulk, scalar first: the few operations the simulated body needs on (n, 4) arrays.

scipy's `Rotation` does the same, but not differentiation, and is several times slower on millions of rows.
"""

from typing import Final

import numpy as np

from pipeline.blocks import Floats

LEVEL: Final = np.array([np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0])
"""Takes segment axes of a person who stands upright and looks along world x (X forward, Y up, Z right) to the world
(z up)."""


def about(axis: int, angle: Floats) -> Floats:
    """(n, 4) rotations by `angle` (n,) rad about coordinate axis 0, 1 or 2."""
    q = np.zeros((len(angle), 4))
    q[:, 0] = np.cos(angle / 2.0)
    q[:, 1 + axis] = np.sin(angle / 2.0)
    return q


def multiply(a: Floats, b: Floats) -> Floats:
    """(n, 4) products a b; either may be one quaternion (4,)."""
    aw, ax, ay, az = np.moveaxis(a, -1, 0)
    bw, bx, by, bz = np.moveaxis(b, -1, 0)
    product: Floats = np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    )
    return product


def conjugate(q: Floats) -> Floats:
    """The inverse rotations."""
    inverse: Floats = q * np.array([1.0, -1.0, -1.0, -1.0])
    return inverse


def rotate(q: Floats, v: Floats) -> Floats:
    """(n, 3) vectors v turned by q; either may be a single one."""
    w, u = q[..., :1], q[..., 1:]
    twice = 2.0 * np.cross(u, v)
    turned: Floats = v + w * twice + np.cross(u, twice)
    return turned


def exponential(vector: Floats) -> Floats:
    """(n, 4) rotations of the rotation vectors (n, 3), rad."""
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    scale = 0.5 * np.sinc(angle / (2.0 * np.pi))
    return np.concatenate([np.cos(angle / 2.0), scale * vector], axis=-1)


def between(a: Floats, b: Floats) -> Floats:
    """(n, 4) smallest rotations that turn the direction of a (n, 3) to that of b (n, 3)."""
    a = a / np.linalg.norm(a, axis=-1, keepdims=True)
    b = b / np.linalg.norm(b, axis=-1, keepdims=True)
    w = 1.0 + np.sum(a * b, axis=-1, keepdims=True)
    return normalise(np.concatenate([w, np.cross(a, b)], axis=-1))


def normalise(q: Floats) -> Floats:
    """Unit length again."""
    unit: Floats = q / np.linalg.norm(q, axis=-1, keepdims=True)
    return unit


def continuous(q: Floats) -> Floats:
    """The same rotations with signs chosen so that rows follow each other without a jump."""
    flips = np.sum(q[1:] * q[:-1], axis=1) < 0.0
    signs = np.concatenate([[1.0], np.where(np.cumsum(flips) % 2 == 1, -1.0, 1.0)])
    signed: Floats = q * signs[:, None]
    return signed


def knee_rotation(flexion: Floats, abduction: Floats, rotation: Floats, sign: float) -> Floats:
    """(n, 4) shank in thigh: Rz(-flexion) Rx(-s abduction) Ry(s rotation), angles rad, s = +1 right, -1 left."""
    return multiply(multiply(about(2, -flexion), about(0, -sign * abduction)), about(1, sign * rotation))


def medial_tilt(segment: Floats, sign: float) -> Floats:
    """asin of the upward part of the mediolateral axis, times s: + where a shank leans inward; minus it for a thigh."""
    _, x, y, _ = np.moveaxis(segment, -1, 0)
    w, z = segment[..., 0], segment[..., 3]
    upward = w * w - x * x - y * y + z * z
    tilt: Floats = sign * np.arcsin(np.clip(upward, -1.0, 1.0))
    return tilt


def inclination(segment: Floats) -> Floats:
    """(n,) rad: sagittal inclination of a segment (n, 4), + distal end forward, -pi to pi."""
    w, x, y, z = np.moveaxis(segment, -1, 0)
    anterior_up, proximal_up = 2.0 * (x * z - w * y), 2.0 * (y * z + w * x)
    angle: Floats = np.arctan2(anterior_up, proximal_up)
    return angle
