"""Every command from outside: exit codes, one-line errors, help, and the README's lines."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from pipeline.commands.main import app, run
from tests.end_to_end.kneetrack import ROOT, environment, kneetrack
from tests.pipeline.result_folder import write_results

COMMANDS = [
    "live", "scan", "replay", "process", "calibrate", "simulate", "import", "export", "report", "trends", "anonymise",
    "forget", "batch", "doctor",
]  # fmt: skip
_TREE = typer.main.get_command(app)
_README = (ROOT / "README.md").read_text(encoding="utf-8")


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def test_help_names_every_command() -> None:
    said = kneetrack("--help")
    assert said.code == 0 and said.err == ""
    for name in COMMANDS:
        assert re.search(rf"\b{name}\b", said.out), name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    out, err = capsys.readouterr()
    assert name in out and err == ""


@pytest.mark.parametrize(
    "words",
    [
        ["fly"],
        ["--nonsense"],
        ["process"],
        ["process", "a.knee"],
        ["process", "a.knee", "--out", "x", "--side", "middle"],
        ["process", "a.knee", "--out", "x", "--filter", "kalman"],
        ["replay", "a.knee", "--speed", "slow"],
        ["replay", "a.knee", "--speed", "-1"],
        ["live", "--for", "soon"],
        ["live", "--for", "0"],
        ["simulate"],
        ["simulate", "--out", "x", "--script", "walk:5", "--minutes", "3"],
        ["export", "a.knee", "--out", "a.docx"],
        ["import", "a.csv"],
        ["report"],
    ],
)
def test_a_wrong_call_is_2(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(words) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def _bad_inputs(folder: Path) -> dict[str, Path]:
    texts = {
        "empty.csv": "",
        "foreign.knee": "this is no recording\n" * 100,
        "columns.csv": "time_s,thigh_acc_x\n0,1\n0.01,1\n",
        "words.csv": "a,b\nhello,world\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "cut.knee").write_bytes(b"SQLite format 3\x00" + b"\x00" * 50)
    return {name: folder / name for name in [*texts, "cut.knee", "missing.knee", "missing.csv"]}


@pytest.mark.parametrize("command", ["process", "replay", "calibrate", "import", "export"])
@pytest.mark.parametrize("name", ["missing.knee", "empty.csv", "foreign.knee", "columns.csv", "words.csv", "cut.knee"])
def test_bad_input_is_1_and_one_line(
    command: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = _bad_inputs(tmp_path)[name]
    before = sorted(tmp_path.iterdir())
    out = tmp_path / {"import": "out.knee", "export": "out.csv", "calibrate": "out.json"}.get(command, "out")
    assert run([command, str(source), "--out", str(out)]) == 1
    err = _lines(capsys.readouterr().err)
    assert len(err) == 1 and err[0].startswith("kneetrack: ") and name in err[0]
    assert sorted(tmp_path.iterdir()) == before


def test_bad_profile_is_1_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = tmp_path / "profile.json"
    profile.write_text('{"kind": "shopping list"}', encoding="utf-8")
    assert run(["live", "--virtual", "--calibration", str(profile), "--out", str(tmp_path / "out")]) == 1
    err = _lines(capsys.readouterr().err)
    assert len(err) == 1 and "profile.json" in err[0]
    assert not (tmp_path / "out").exists()


def test_verbose_shows_the_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["report", str(tmp_path / "nothing")]
    assert run(words) == 1
    assert "Traceback" not in capsys.readouterr().err
    for call in ([*words, "--verbose"], ["--verbose", *words]):
        assert run(call) == 1
        err = capsys.readouterr().err
        assert "Traceback" in err and _lines(err)[-1].startswith("kneetrack: ")


def test_what_nobody_foresaw_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(folder: Path) -> None:
        raise RuntimeError("first\nsecond")

    monkeypatch.setattr("pipeline.screens.report.write_report", breaks)
    assert run(["report", str(tmp_path)]) == 1
    assert _lines(capsys.readouterr().err) == [
        "kneetrack: unexpected RuntimeError: first second (--verbose shows where)"
    ]


def test_interrupted_work_is_130(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(folder: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.screens.report.write_report", interrupted)
    assert run(["report", str(tmp_path)]) == 130


def test_an_interruption_in_the_middle_of_an_import_is_one_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python 3.11 raises a RuntimeError from it where it falls into the making of a class."""

    def interrupted(folder: Path) -> None:
        raise RuntimeError("Error calling __set_name__") from KeyboardInterrupt()

    monkeypatch.setattr("pipeline.screens.report.write_report", interrupted)
    assert run(["report", str(tmp_path)]) == 130
    assert _lines(capsys.readouterr().err) == ["kneetrack: interrupted"]


def test_report_of_a_result_folder(tmp_path: Path) -> None:
    """From a folder that is not the programme's: nothing depends on the current one."""
    assert ROOT not in tmp_path.parents
    said = kneetrack("report", write_results(tmp_path), cwd=tmp_path)
    assert (said.code, said.err) == (0, "")
    assert Path(said.out.strip()) == tmp_path / "report.html"
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_name_that_the_output_cannot_spell_ends_nothing(tmp_path: Path) -> None:
    """As on Windows, where what is redirected is written in the country's encoding."""
    folder = write_results(tmp_path / "Колено ☃")
    words = [sys.executable, "-m", "pipeline.commands.main", "report", str(folder)]
    said = subprocess.run(words, env=environment() | {"PYTHONIOENCODING": "cp1252"}, capture_output=True, timeout=300)
    assert (said.returncode, said.stderr) == (0, b"") and rb"\u2603" in said.stdout


def test_live_without_bluetooth_or_sensors_is_one_line(tmp_path: Path) -> None:
    """Whatever this machine has: no adapter, or no sensor of that address in range."""
    said = kneetrack("live", "--sensor", "right-thigh=00:00:00:00:00:01", "--out", tmp_path / "out", "--for", "1")
    assert said.code == 1
    assert sum(line.startswith("kneetrack: ") for line in said.error_lines) == 1
    assert "Traceback" not in said.err
    assert not (tmp_path / "out").exists()


def test_doctor_names_what_it_looked_at() -> None:
    said = kneetrack("doctor", "--radio-seconds", "0.5")
    assert said.code == 0, said.out + said.err
    for word in (
        "Python",
        "numpy",
        "bleak",
        "pipeline: ours",
        "calibration: ours",
        "firmware_interface: ours",
        "Bluetooth",
    ):
        assert word in said.out, word


def test_doctor_sees_a_foreign_package(tmp_path: Path) -> None:
    """`calibration` is a common name: another package of that name in front of ours is found out."""
    (tmp_path / "calibration").mkdir()
    (tmp_path / "calibration" / "__init__.py").write_text("", encoding="utf-8")
    code = (
        "import sys; from pipeline.commands import checks; "
        f"sys.modules.pop('calibration', None); sys.path.insert(0, {str(tmp_path)!r}); "
        "print([f for f in checks.check_ours() if f.grade is checks.Grade.MISSING])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert "another package named calibration hides ours" in done.stdout
    assert done.stdout.count("Finding(") == 1


def _readme_calls() -> list[str]:
    blocks = re.findall(r"```(?:sh|powershell)\n(.*?)```", _README, re.DOTALL)
    text = "\n".join(blocks)
    return re.findall(r"(?:^|[\\/; ])(kneetrack [^\n;&]+)", text, re.MULTILINE)


def test_readme_shows_every_command() -> None:
    assert {call.split()[1] for call in _readme_calls()} >= set(COMMANDS)


@pytest.mark.parametrize("call", _readme_calls())
def test_readme_calls_are_real(call: str) -> None:
    """The command exists, its options too, and the values fit: parsed, not run."""
    name, *words = shlex.split(call)[1:]
    command = _TREE.commands[name]  # type: ignore[attr-defined]
    command.make_context(name, words)


def test_readme_has_its_two_one_liners() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", _README, re.DOTALL)
    assert blocks[0].count("\n") == 1 and "live --virtual --for" in blocks[0] and "venv" in blocks[0]
    assert blocks[1].count("\n") == 1 and "pytest" in blocks[1] and "[test]" in blocks[1]
    assert "not a medical device" in _README.lower()
