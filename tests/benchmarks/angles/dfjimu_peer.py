"""MAP-acc and MEKF-acc as the dfjimu package has them (Weygers and Kok 2020), called alike wherever they are compared.

Gyroscope noise: the variance of the first 50 samples, which is MEKF-acc's default; inclination and link noise of
MAP-acc: the values that MEKF-acc has as defaults, for MAP-acc has none.
"""

import warnings

import numpy as np

from pipeline.blocks import Floats
from pipeline.quaternions import conjugate, multiply

INCLINATION = 0.1225
LINK = 0.011552
ITERATIONS = 100


def joint_orientation(
    signals: tuple[Floats, Floats, Floats, Floats],
    rate_hz: float,
    offline: bool,
    first: Floats,
    arms: tuple[Floats, Floats] | None = None,
) -> Floats:
    """(n, 4) inverse(q1) * q2. signals: acc1, gyr1, acc2, gyr2, (n, 3) each; first (4,): orientation of sensor 1 at the
    beginning; arms: to the joint, m, None: estimated by the package."""
    import dfjimu

    acc1, gyr1, acc2, gyr2 = (np.ascontiguousarray(s) for s in signals)
    r1, r2 = (None, None) if arms is None else arms
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if offline:
            noise = np.diag(np.concatenate([gyr1[:50].var(axis=0), gyr2[:50].var(axis=0)]) + 1e-12)
            one, two = dfjimu.map_acc(
                gyr1, gyr2, acc1, acc2, r1, r2, rate_hz, first, noise, INCLINATION * np.eye(3), LINK * np.eye(3),
                iterations=ITERATIONS,
            )[:2]  # fmt: skip
        else:
            one, two = dfjimu.mekf_acc(gyr1, gyr2, acc1, acc2, r1, r2, rate_hz, first)[:2]
    return multiply(conjugate(one), two)
