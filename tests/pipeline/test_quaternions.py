from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pipeline.quaternions import about_z, columns, conjugate, from_matrix, multiply, product, rotate, small
from tests.pipeline.two_links import scalar_first

P, Q = Rotation.random(500, random_state=1), Rotation.random(500, random_state=2)


def test_products_and_inverses_are_those_of_rotations():
    p, q, true = scalar_first(P), conjugate(scalar_first(Q)), scalar_first(P * Q.inv())
    for found in (multiply(p, q), product(p.T.copy(), q.T.copy()).T):
        assert np.allclose(np.abs((found * true).sum(axis=1)), 1.0)


def test_matrices_and_rotated_vectors_are_those_of_rotations():
    v = np.random.default_rng(3).normal(size=(500, 3))
    assert np.allclose(np.stack(columns(scalar_first(P)), axis=-1).reshape(-1, 3, 3), P.as_matrix())
    assert np.allclose(rotate(scalar_first(P), v), P.apply(v))
    halves = Rotation.from_rotvec(np.pi * np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.6, 0.8, 0]]))
    turns = Rotation.concatenate([P, halves, Rotation.identity(1)])
    for matrix, true in zip(turns.as_matrix(), scalar_first(turns), strict=True):
        q = from_matrix(matrix)
        assert q[0] >= 0.0 and abs(q @ true) > 1.0 - 1e-12


def test_turns_about_the_vertical_and_small_ones():
    angle = np.linspace(-3.0, 3.0, 7)
    assert np.allclose(about_z(angle), scalar_first(Rotation.from_rotvec(np.outer(angle, [0, 0, 1]))))
    tilt = np.deg2rad(2.0)
    assert np.allclose(
        small(np.array([tilt]), np.array([-tilt])), scalar_first(Rotation.from_rotvec([[tilt, -tilt, 0]])), atol=1e-5
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 499), max_size=12))
def test_the_bits_do_not_depend_on_the_blocks(cuts):
    p, q = scalar_first(P), scalar_first(Q)
    v = np.random.default_rng(4).normal(size=(500, 3))
    bounds = sorted({0, 500, *cuts})
    whole = rotate(multiply(p, q), v)
    parts = [rotate(multiply(p[a:b], q[a:b]), v[a:b]) for a, b in pairwise(bounds)]
    assert np.array_equal(whole, np.concatenate(parts))
    parts = [product(p[a:b].T.copy(), q[a:b].T.copy()) for a, b in pairwise(bounds)]
    assert np.array_equal(product(p.T.copy(), q.T.copy()), np.concatenate(parts, axis=1))
