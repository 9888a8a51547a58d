"""`kneetrack batch` from outside: the results of `process`, one table, and a run that goes on where it was ended."""

import importlib.util
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from pipeline.commands.main import run
from tests.end_to_end.kneetrack import Said, command, environment, kneetrack
from tests.pipeline.leg_table import leg_table


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Four short recordings, and one that cannot be processed."""
    folder = tmp_path / "das Knie, täglich"
    (folder / "left").mkdir(parents=True)
    for number in range(4):
        leg_table(6.0 + number).to_csv(folder / "left" / f"walk {number}.csv", index=False)
    (folder / "broken.knee").write_text("no recording", encoding="utf-8")
    return folder


def _ledger(out: Path) -> list[dict[str, object]]:
    path = out / "batch.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def _wait(until: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def _complete(out: Path, said: Said) -> None:
    """All four were done, the broken one cost its line."""
    assert said.code == 1 and "Traceback" not in said.err
    assert sum("broken.knee" in line for line in said.error_lines) == 1
    assert "1 of 5 recordings could not be processed" in said.error_lines[-1]
    table = pd.read_csv(out / "batch.csv")
    assert set(table["folder"]) == {f"left/walk {number}" for number in range(4)}
    assert not [path for path in out.rglob(".*")]
    assert {entry["folder"] for entry in _ledger(out) if entry["error"]} == {"broken"}


def test_the_results_of_process_and_a_table_over_all(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    mask = os.umask(0)
    try:
        said = kneetrack("batch", study, "--out", out, "--side", "left", "--jobs", 2)
    finally:
        os.umask(mask)
    _complete(out, said)
    if os.name == "posix":
        modes = {stat.S_IMODE(path.stat().st_mode) for path in [out, *out.rglob("*")]}
        assert modes == {0o600, 0o700}
    assert run(["process", str(study / "left" / "walk 1.csv"), "--out", str(tmp_path / "own"), "--side", "left"]) == 0
    for name in ("angles.parquet", "summary.csv", "steps.csv", "events.jsonl"):
        assert (out / "left" / "walk 1" / name).read_bytes() == (tmp_path / "own" / name).read_bytes(), name
    again = kneetrack("batch", study, "--out", out, "--side", "left", "--jobs", 1)
    _complete(out, again)
    assert "4 of 5 recordings were done before" in again.out


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal that interrupts another process alone")
def test_interrupted_it_keeps_what_is_done_and_goes_on(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    # The last one is long, and still worked at when it is interrupted.
    leg_table(600.0).to_csv(study / "left" / "walk 3.csv", index=False)
    words = command("batch", study, "--out", out, "--jobs", 1)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # Ignored in the background, and so inherited.
    try:
        begun = subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    _wait(lambda: sum(not entry["error"] for entry in _ledger(out)) >= 1)
    begun.send_signal(signal.SIGINT)
    _, err = begun.communicate(timeout=60)
    assert begun.returncode == 130 and "run the same again" in err and "Traceback" not in err
    done = {str(entry["folder"]) for entry in _ledger(out) if not entry["error"]}
    assert len(done) < 4 and set(pd.read_csv(out / "batch.csv")["folder"]) == done
    made = {name: (out / name / "angles.parquet").stat().st_mtime_ns for name in done}
    _complete(out, kneetrack("batch", study, "--out", out, "--jobs", 1))
    assert made == {name: (out / name / "angles.parquet").stat().st_mtime_ns for name in done}


@pytest.fixture
def cluster() -> Iterator[str]:
    """A Dask scheduler with two workers on this computer."""
    if importlib.util.find_spec("distributed") is None:
        pytest.skip("Dask is not installed: pip install 'kneetrack[cluster]'")
    code = (
        "import sys; from distributed import LocalCluster\n"
        "if __name__ == '__main__':\n"
        "    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host='127.0.0.1')\n"
        "    print(cluster.scheduler_address, flush=True); sys.stdin.read(); cluster.close()\n"
    )
    served = subprocess.Popen(
        [sys.executable, "-c", code], env=environment(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert served.stdout is not None
        yield served.stdout.readline().strip()
    finally:
        served.communicate(timeout=60)


def test_on_a_cluster_a_killed_worker_loses_nothing(cluster: str, study: Path, tmp_path: Path) -> None:
    from distributed import Client

    out = tmp_path / "out"
    words = command("batch", study, "--out", out, "--scheduler", cluster)
    begun = subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with Client(cluster, set_as_default=False) as client:
        _wait(lambda: any(client.processing().values()))
        victim = next(worker for worker, tasks in client.processing().items() if tasks)
        os.kill(client.run(os.getpid)[victim], getattr(signal, "SIGKILL", signal.SIGTERM))
    got, err = begun.communicate(timeout=240)
    _complete(out, Said(begun.returncode, got, err))


@pytest.mark.parametrize("words", [["--scheduler", "tcp://127.0.0.1:1"], ["--scheduler", "nonsense"]])
def test_no_cluster_is_one_line(words: list[str], study: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("pipeline.files.cluster.CONNECT_S", 0.5)
    assert run(["batch", str(study), "--out", str(tmp_path / "out"), *words]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert words[1] in line or "kneetrack[cluster]" in line
