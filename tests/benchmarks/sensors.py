"""What six positions leave of a sensor's errors: `python -m tests.benchmarks.sensors [--sensors 60]`.

Simulated sensors with the errors that the simulator gives every worn sensor (accelerometer bias 0.08 m/s2, scale 0.6 %,
skewed axes 0.6 deg, noise, range, resolution), and bad ones with an offset of 5 m/s2 besides, are laid by hand on their
six sides, not exactly, 4 s each. Told: bias, scales, the error of an inclination and of a turn by 90 deg, before and
after, root mean square over the sensors.
"""

import argparse

import numpy as np
from scipy.spatial.transform import Rotation

from calibration.errors import CalibrationError
from calibration.inertial import Inertial
from calibration.six_positions import calibrate_at_rest
from pipeline.simulation.imu import measured
from pipeline.simulation.wearing import ImuErrors, draw_errors
from tests.calibration.test_six_positions import RATE, G, laid_down, six_sides


def spoilt(acc: np.ndarray, gyr: np.ndarray, errors: ImuErrors, offset: np.ndarray, rng: np.random.Generator):
    """What a sensor with these errors says of true acc and gyr (n, 3)."""
    noise = rng.standard_normal((len(acc), 6))
    heard, turned = measured(acc + offset, gyr, errors, np.array(errors.gyr_bias), RATE, noise)
    return heard, turned


def left(inertial: Inertial, errors: ImuErrors, offset: np.ndarray, rng: np.random.Generator) -> list[float]:
    """Errors of a corrected sensor: acc bias (m/s2), acc scale (%), gravity's size (%), gyro bias (deg/s), gyro scale
    (%), inclination (deg, against the sensor's own accelerometer axes), a turn by 90 deg (deg)."""
    directions = Rotation.random(200, random_state=int(rng.integers(2**31))).apply([0.0, 0.0, G])
    none = np.zeros_like(directions)
    exact = np.zeros((len(directions), 6))
    heard, _ = measured(directions + offset, none, errors, np.zeros(3), RATE, exact)
    true_axes = directions + np.cross(errors.acc_skew, directions)
    acc, _ = inertial.apply(heard, none)
    size = np.linalg.norm(acc, axis=1)
    angle = np.arccos(np.clip(np.sum(acc * true_axes, axis=1) / size / np.linalg.norm(true_axes, axis=1), -1, 1))
    rates = np.radians(90.0) * directions / G
    _, turned = measured(none, rates, errors, np.array(errors.gyr_bias), RATE, exact)
    _, gyr = inertial.apply(none, turned)
    along = np.sum(gyr * rates, axis=1) / np.linalg.norm(rates, axis=1)
    moved = (offset + np.cross(errors.acc_skew, offset)) * (1.0 + np.array(errors.acc_scale))
    bias = inertial.acc_bias - errors.acc_bias - moved
    scale = np.diag(inertial.acc_matrix) * (1.0 + np.array(errors.acc_scale)) - 1.0
    gyr_scale = np.diag(inertial.gyr_matrix) * (1.0 + np.array(errors.gyr_scale)) - 1.0
    return [
        rms(bias),
        100 * rms(scale),
        100 * rms(size / G - 1.0),
        np.degrees(rms(inertial.gyr_bias - errors.gyr_bias)),
        100 * rms(gyr_scale),
        np.degrees(rms(angle)),
        np.degrees(rms(along - np.radians(90.0))),
    ]


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sensors", type=int, default=60)
    parser.add_argument("--first", type=int, default=100, help="first seed (below 100: used for tuning)")
    options = parser.parse_args()
    columns = ["acc bias", "scale %", "norm %", "gyr bias", "scale %", "tilt deg", "turn deg"]
    print(f"{'':<22}" + "".join(f"{c:>10}" for c in columns))
    for name, size in (("ordinary", 0.0), ("offset of 5 m/s2", 5.0)):
        before, after, refused = [], [], 0
        for seed in range(options.first, options.first + options.sensors):
            rng = np.random.default_rng(seed)
            errors = draw_errors(rng)
            axis = rng.standard_normal(3)
            offset = size * axis / np.linalg.norm(axis)
            heard, turned = spoilt(*laid_down(six_sides(rng), rng), errors, offset, rng)
            try:
                found = calibrate_at_rest(heard, turned, RATE).inertial
            except CalibrationError as error:
                print(seed, error)
                refused += 1
                continue
            before.append(left(Inertial(), errors, offset, np.random.default_rng(seed)))
            after.append(left(found, errors, offset, np.random.default_rng(seed)))
        for what, rows in (("before", before), ("after", after)):
            cells = np.sqrt(np.mean(np.square(rows), axis=0))
            print(f"{name + ', ' + what:<22}" + "".join(f"{c:>10.3f}" for c in cells))
        print(f"{'':<22}{len(after)} calibrated, {refused} refused")


if __name__ == "__main__":
    main()
