"""Orientation of one sensor: inclination, a heading that drifts, and the gyroscope's bias.

A 6-axis filter (accelerometer and gyroscope, no magnetometer) runs over the grid. The default is VQF (Laidig and Seel,
"VQF: Highly accurate IMU orientation estimation with bias estimation and magnetic disturbance rejection", Information
Fusion 91, 2023), which learns the gyroscope's bias slowly in motion and is told it at rests (pipeline/rest_bias.py).
The filters of the ahrs package (Madgwick 2010, Mahony 2008, EKF) are there to compare with; they get the bias of the
first rest and nothing later. Each row's turn is the mean rate between it and the row before (trapezoidal rule): the
filters take a rate for the whole step, and the rate at its end alone would run half a sample ahead, 1.5 deg in a swing
at 100 Hz.

World frame: z up, heading arbitrary at the start. Where the sensor delivered nothing the filter stands still; after a
hole the inclination is found anew and the heading is unknown, which later stages are told by `restarted`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import ahrs
import numpy as np
import vqf

from pipeline.blocks import Bools, Floats
from pipeline.quaternions import HALF
from pipeline.rest_bias import RestBias, RestBiasParameters, bias_of_recording

FILTERS = ("vqf", "madgwick", "mahony", "ekf")

_LARGEST_BIAS_DEG_S = 25.0
"""What cheap gyroscopes may be off by (MPU-6050: 20 deg/s); VQF's own limit is 2."""


@dataclass(frozen=True, slots=True)
class OrientationParameters:
    """filter: one of FILTERS. tau_acc_s: VQF's accelerometer time constant (its authors' default, 3 s).
    bridge_s: over holes so short (a sample or three: a spike at a heel strike, a lost packet of one) the filter goes on
    with the values held there; only longer ones make it begin anew.
    rest: how VQF is told the gyroscope's bias at rests (pipeline/rest_bias.py) instead of learning it from each.

    bias_rest_s: how long a first rest the ahrs filters take their bias from. rest_gyr_rad_s: what counts as rest there.
    """

    filter: str = "vqf"
    tau_acc_s: float = 3.0
    bridge_s: float = 0.035
    rest: RestBiasParameters = field(default_factory=RestBiasParameters)
    bias_rest_s: float = 1.5
    rest_gyr_rad_s: float = 0.15


@dataclass(frozen=True, slots=True)
class Oriented:
    """quat: (n, 4) sensor to world, scalar first. gyr: (n, 3) rad/s, bias removed. restarted: (n,) True at the first
    row after a hole."""

    quat: Floats
    gyr: Floats
    restarted: Bools


class _Filter(Protocol):
    def run(self, gyr: Floats, acc: Floats) -> tuple[Floats, Floats]:
        """(n, 4) orientations and (n, 3) biases of the next rows."""
        ...

    def restart(self) -> None:
        """Forget the orientation, keep the bias."""
        ...

    def set_bias(self, bias: Floats, sd: float) -> None:
        """The gyroscope's bias (3,) rad/s is known to within sd, rad/s."""
        ...


class Orientation:
    """The causal filter of one sensor; `update` gives the same bits however the rows are cut into blocks."""

    def __init__(self, rate_hz: float, parameters: OrientationParameters | None = None) -> None:
        p = parameters or OrientationParameters()
        self._filter = _make(rate_hz, p)
        self._rest = RestBias(p.rest) if p.filter == "vqf" else None
        self._block = max(2, round(p.rest.block_s * rate_hz))
        self._kept: list[tuple[Floats, Floats]] = []
        self._in_block = 0
        self._last: Floats = np.array([1.0, 0.0, 0.0, 0.0])
        self._last_gyr: Floats | None = None
        self._was_ok = True
        self._begun = False
        self._bridge = round(p.bridge_s * rate_hz)
        self._away = 0

    def update(self, acc: Floats, gyr: Floats, ok: Bools) -> Oriented:
        """acc (n, 3) m/s2, gyr (n, 3) rad/s, ok (n,) True where the sensor delivered."""
        n = len(acc)
        quat = np.empty((n, 4))
        rate = np.array(gyr)
        restarted = np.zeros(n, bool)
        whole = np.count_nonzero(ok) == n
        ok = self._bridged(ok, whole)
        for begin, end in self._pieces(ok, whole or bool(ok.all())):
            self._in_block += end - begin
            if not ok[begin]:
                quat[begin:end] = self._last
                rate[begin:end] = 0.0
                self._was_ok = False
                self._last_gyr = None
                self._look_at_rest(None)
                continue
            if not self._was_ok and self._begun:
                self._filter.restart()
                restarted[begin] = True
            self._was_ok = self._begun = True
            quat[begin:end], bias = self._filter.run(
                _mean_rate(self._last_gyr, gyr[begin:end]), np.ascontiguousarray(acc[begin:end])
            )
            self._last_gyr = gyr[end - 1].copy()
            rate[begin:end] -= bias
            self._last = quat[end - 1].copy()
            self._look_at_rest((acc[begin:end], gyr[begin:end]))
        return Oriented(quat, rate, restarted)

    def _bridged(self, ok: Bools, whole: bool) -> Bools:
        """(n,) the rows that the filter runs over: those that the sensor delivered, and the first few of a hole, with
        the values held there. whole: no row is missing."""
        if whole:
            self._away = 0
            return ok
        used = ok.copy()
        for begin, end in _runs(ok):
            if ok[begin]:
                self._away = 0
                continue
            if self._begun or begin > 0:
                used[begin : min(end, begin + max(0, self._bridge - self._away))] = True
            self._away += end - begin
        return used

    def _pieces(self, ok: Bools, whole: bool) -> list[tuple[int, int]]:
        """Begin and end of stretches of equal `ok`, cut where a block of rest ends. whole: all of it is True."""
        if whole and self._in_block + len(ok) <= self._block:
            return [(0, len(ok))] if len(ok) else []
        runs = [(0, len(ok))] if whole else _runs(ok)
        edges = range(self._block - self._in_block, len(ok), self._block)
        bounds = sorted({0, len(ok), *edges, *(begin for begin, _ in runs)})
        return list(pairwise(bounds))

    def _look_at_rest(self, rows: tuple[Floats, Floats] | None) -> None:
        """Gather a block; tell the filter the bias where the block says so. rows: acc, gyr, or None in a hole."""
        if self._rest is not None:
            if rows is None:
                self._rest.lost()
                self._kept = []
            else:
                self._kept.append(rows)
        if self._in_block < self._block:
            return
        self._in_block = 0
        kept, self._kept = self._kept, []
        if self._rest is None or sum(len(gyr) for _, gyr in kept) < self._block:
            return
        acc, gyr = (np.concatenate([part[k] for part in kept]) for k in range(2))
        found = self._rest.update(acc, gyr)
        if found is not None:
            self._filter.set_bias(*found)


def orient_offline(
    acc: Floats, gyr: Floats, ok: Bools, rate_hz: float, parameters: OrientationParameters | None = None
) -> Oriented:
    """The whole recording of one sensor, forwards and backwards (VQF's acausal variant); other filters run causally."""
    p = parameters or OrientationParameters()
    if p.filter != "vqf":
        return Orientation(rate_hz, p).update(acc, gyr, ok)
    quat = np.zeros((len(acc), 4))
    quat[:, 0] = 1.0
    rate = np.zeros_like(gyr)
    restarted = np.zeros(len(acc), bool)
    begun = False
    ok = _short_holes_filled(ok, round(p.bridge_s * rate_hz))
    options: dict[str, Any] = {"tauAcc": p.tau_acc_s}
    known = bias_of_recording(acc, gyr, ok, rate_hz, p.rest)
    if known is not None:
        gyr = gyr - known[0]
        options |= {"restBiasEstEnabled": False, "biasSigmaInit": float(np.rad2deg(known[1]))}
    for begin, end in _runs(ok):
        if not ok[begin]:
            if begin > 0:
                quat[begin:end] = quat[begin - 1]
            continue
        result = vqf.offlineVQF(
            _mean_rate(None, gyr[begin:end]), np.ascontiguousarray(acc[begin:end]), None, 1.0 / rate_hz, options
        )
        quat[begin:end] = result["quat6D"]
        rate[begin:end] = gyr[begin:end] - result["bias"]
        restarted[begin] = begun
        begun = True
    return Oriented(quat, rate, restarted)


def _mean_rate(before: Floats | None, gyr: Floats) -> Floats:
    """(n, 3) the mean of each row of gyr (n, 3) and the row before it; before: (3,) the row ahead of them, if any."""
    mean = np.empty(gyr.shape)
    np.add(gyr[1:], gyr[:-1], mean[1:])
    np.add(gyr[0], gyr[0] if before is None else before, mean[0])
    mean *= HALF
    return mean


def _short_holes_filled(ok: Bools, most: int) -> Bools:
    """(n,) with holes of at most `most` rows closed, but for those at the ends."""
    filled = ok.copy()
    for begin, end in _runs(ok):
        if not ok[begin] and begin > 0 and end < len(ok) and end - begin <= most:
            filled[begin:end] = True
    return filled


def _make(rate_hz: float, p: OrientationParameters) -> _Filter:
    if p.filter == "vqf":
        return _Vqf(rate_hz, p)
    if p.filter in FILTERS:
        return _Ahrs(rate_hz, p)
    raise ValueError(f"unknown filter '{p.filter}': choose one of {', '.join(FILTERS)}")


class _Vqf:
    def __init__(self, rate_hz: float, p: OrientationParameters) -> None:
        self._vqf = vqf.VQF(1.0 / rate_hz, tauAcc=p.tau_acc_s, restBiasEstEnabled=False, biasClip=_LARGEST_BIAS_DEG_S)

    def run(self, gyr: Floats, acc: Floats) -> tuple[Floats, Floats]:
        state: Mapping[str, Any] = self._vqf.updateBatch(gyr, acc)
        return state["quat6D"], state["bias"]

    def restart(self) -> None:
        bias, sigma = self._vqf.getBiasEstimate()
        self._vqf.resetState()
        self._vqf.setBiasEstimate(bias, sigma)

    def set_bias(self, bias: Floats, sd: float) -> None:
        self._vqf.setBiasEstimate(np.ascontiguousarray(bias), sd)


class _Ahrs:
    """Madgwick, Mahony and EKF of ahrs, a call a sample; the bias is the mean rate of the first rest."""

    def __init__(self, rate_hz: float, p: OrientationParameters) -> None:
        self._name = p.filter
        self._rate = rate_hz
        self._rest = round(p.bias_rest_s * rate_hz)
        self._limit = p.rest_gyr_rad_s
        self._still: list[Floats] = []
        self._bias: Floats = np.zeros(3)
        self._found = False
        self._quat: Floats | None = None
        self._build()

    def _build(self) -> None:
        kinds = {"madgwick": ahrs.filters.Madgwick, "mahony": ahrs.filters.Mahony, "ekf": ahrs.filters.EKF}
        # ahrs's EKF calls NED the frame in which a sensor at rest reads +g along z: z is up here all the same.
        options: dict[str, Any] = {"frame": "NED"} if self._name == "ekf" else {}
        self._step = kinds[self._name](frequency=self._rate, **options)

    def run(self, gyr: Floats, acc: Floats) -> tuple[Floats, Floats]:
        quat = np.empty((len(gyr), 4))
        bias = np.empty((len(gyr), 3))
        for i in range(len(gyr)):
            self._learn_bias(gyr[i])
            rate = gyr[i] - self._bias
            if self._quat is None:
                self._quat = _level(acc[i])
            elif self._name == "ekf":
                self._quat = self._step.update(self._quat, rate, acc[i])
            else:
                self._quat = self._step.updateIMU(self._quat, rate, acc[i])
            quat[i] = self._quat
            bias[i] = self._bias
        return quat, bias

    def _learn_bias(self, gyr: Floats) -> None:
        if self._found:
            return
        self._still.append(gyr.copy())
        if len(self._still) < self._rest:
            return
        mean = np.mean(self._still, axis=0)
        if np.abs(np.array(self._still) - mean).max() < self._limit:
            self._bias, self._found = mean, True
        self._still.pop(0)

    def restart(self) -> None:
        self._quat = None
        self._build()

    def set_bias(self, bias: Floats, sd: float) -> None:
        """They learn it from the first rest only."""


def _level(acc: Floats) -> Floats:
    """(4,) the shortest rotation that takes the measured upward direction to z."""
    up = acc / max(float(np.linalg.norm(acc)), 1e-9)
    q = np.array([1.0 + up[2], up[1], -up[0], 0.0])
    norm = float(np.linalg.norm(q))
    return q / norm if norm > 1e-6 else np.array([0.0, 1.0, 0.0, 0.0])


def _runs(ok: Bools) -> list[tuple[int, int]]:
    """Begin and end of each stretch of equal values."""
    if len(ok) == 0:
        return []
    edges = np.flatnonzero(np.diff(ok.astype(np.int8))) + 1
    bounds = [0, *edges.tolist(), len(ok)]
    return list(pairwise(bounds))
