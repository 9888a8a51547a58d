"""What is done of a batch, where it lies, and that no death of a process loses anything."""

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path, PurePath

import pytest

from pipeline.errors import BadInputError
from pipeline.files import batch, crew
from pipeline.files.batch import LEDGER, Ledger
from pipeline.files.claimed import CLAIM, Claim
from pipeline.files.crew import TRIES, Died, work_through
from pipeline.files.gathering import Source
from pipeline.files.row_table import RowTable
from pipeline.rows import SummaryRow
from tests.pipeline.result_folder import summary, write_results

ASKED = {"side": None}


def source(path: Path, *names: str) -> Source:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name, encoding="utf-8")
    return Source((path,), tuple(map(PurePath, names or (path.stem,))))


def finish(out: Path, ledger: Ledger, sources: list[Source], person: str | None = None) -> list[str]:
    """Do what is planned; gives the folders of what was done."""
    done = []
    for plan in ledger.plan(sources, ASKED):
        if not plan.done:
            folder = write_results(out / plan.entry.folder, versions={"kneetrack": "1"}, person=person)
            table = RowTable(SummaryRow, folder / "summary.csv", None)
            for activity in ("walking", "squat"):
                table.add(summary("left", activity, 1 + len(done), 0))
            table.close()
            ledger.add(batch.replace(plan.entry, person=person))
            done.append(plan.entry.folder)
    return done


def test_only_what_is_new_has_changed_or_failed_is_done_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    sources = [source(tmp_path / f"{name}.knee") for name in "abcd"]
    with Ledger(out) as ledger:
        assert finish(out, ledger, sources[:3]) == ["a", "b", "c"]
        failed = ledger.plan(sources[3:], ASKED)[0]
        ledger.add(batch.replace(failed.entry, error="no"))
    sources[1].files[0].write_text("longer than before")
    (out / "c" / "summary.json").unlink()
    with Ledger(out) as ledger:
        assert [plan.done for plan in ledger.plan(sources, ASKED)] == [True, False, False, False]
        assert not any(plan.done for plan in ledger.plan(sources, {"side": "left"}))
        assert not any(plan.done for plan in ledger.plan(sources, ASKED, again=True))


def test_a_recording_keeps_its_folder_whatever_comes_later(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    one, two, three = (source(tmp_path / day / "walk.csv", "Walk", f"{day}-walk") for day in ("mon", "tue", "mon2"))
    table = source(tmp_path / "batch.csv.knee", "batch.csv", "x")
    with Ledger(out) as ledger:
        assert finish(out, ledger, [two]) == ["Walk"]
    with Ledger(out) as ledger:
        clash = Source(three.files, (PurePath("walk"), PurePath("walk")))
        assert finish(out, ledger, [one, clash, two, table]) == ["mon-walk", "walk-2", "x"]
    moved = tmp_path / "elsewhere"
    (tmp_path / "mon").rename(moved)
    with Ledger(out) as ledger:
        (plan,) = ledger.plan([source(moved / "walk.csv")], ASKED)
        assert (plan.done, plan.entry.folder) == (True, "mon-walk")


def test_a_ledger_that_was_cut_off_or_written_by_others(tmp_path: Path) -> None:
    good, away = (
        json.dumps({"files": [str(tmp_path / name)], "state": "s", "folder": folder, "person": None, "error": None})
        for name, folder in (("a", "a"), ("b", "../b"))
    )
    (tmp_path / LEDGER).write_text(f'{good}\n{away}\n[]\n{{"files": 3}}\nnull\n{good[:40]}', encoding="utf-8")
    with Ledger(tmp_path) as ledger:
        plans = ledger.plan([source(tmp_path / name) for name in ("a", "b")], ASKED)
        assert [plan.entry.folder for plan in plans] == ["a", "b"]
        ledger.add(plans[1].entry)
    lines = (tmp_path / LEDGER).read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[-1])["folder"] == "b", "the line that was cut off does not swallow the next one"


def test_the_table_has_the_rows_of_every_summary(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        finish(tmp_path, ledger, [source(tmp_path / "in" / "a.knee")], "p07")
        finish(tmp_path, ledger, [source(tmp_path / "in" / "b.knee")])
        count = ledger.write_table()
    own = (tmp_path / "a" / "summary.csv").read_text(encoding="utf-8").splitlines()
    table = (tmp_path / "batch.csv").read_text(encoding="utf-8").splitlines()
    assert table[0] == f"folder,recording,person,start_utc,{own[0]}"
    whose = ["a,a.knee,p07,2026-11-20T09:12:44+00:00", "b,b.knee,,2026-11-20T09:12:44+00:00"]
    assert table[1:] == [f"{who},{row}" for who in whose for row in own[1:]]
    assert count == len(table) - 1 == 4


def test_a_name_that_is_no_text_is_kept(tmp_path: Path) -> None:
    """As of a file whose name has bytes of another encoding."""
    strange = Source((tmp_path / "f\udcfc.knee",), (PurePath("f\udcfc"),))
    with suppress(OSError):  # Where file systems take text only, its name is all there is of it.
        strange.files[0].touch()
    plain = source(tmp_path / "in" / "täglich.knee")
    with Ledger(tmp_path) as ledger:
        entry = ledger.plan([strange], ASKED)[0].entry
        assert entry.folder == "f?"
        ledger.add(entry)
        finish(tmp_path, ledger, [plain])
        assert ledger.write_table() == 2
    with Ledger(tmp_path) as ledger:
        assert next(plan.entry for plan in ledger.plan([strange, plain], ASKED)) == entry
    assert "täglich.knee" in (tmp_path / "batch.csv").read_text(encoding="utf-8")


def test_who_is_forgotten_is_in_no_line(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Ledger(_made(out)) as ledger:
        finish(out, ledger, [source(tmp_path / "p07.knee")], "p07")
        finish(out, ledger, [source(tmp_path / "p08.knee")], "p08")
        ledger.write_table()
    assert batch.names_person(out, "p07") and not batch.names_person(out, "p09")
    batch.forget_person(out, "p07")
    text = "".join((out / name).read_text(encoding="utf-8") for name in (LEDGER, "batch.csv"))
    assert "p07" not in text and "p08" in text and not batch.names_person(out, "p07")
    with Ledger(out) as ledger:
        assert [plan.done for plan in ledger.plan([source(tmp_path / "p08.knee")], ASKED)] == [True]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_one_at_a_time_writes_into_a_folder(tmp_path: Path) -> None:
    with Claim(tmp_path), pytest.raises(BadInputError, match="another kneetrack"):
        Claim(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / CLAIM).touch()  # Left behind by a run that was killed.
    Claim(tmp_path).release()


def _work(folder: str, number: int, deaths: int) -> int:
    """Twice the number; the process is killed as often as is said before that."""
    marks = Path(folder) / f"{number}-{os.getpid()}"
    marks.touch()
    if len(list(Path(folder).glob(f"{number}-*"))) <= deaths:
        os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        time.sleep(60.0)
    return 2 * number


def test_a_piece_whose_process_is_killed_is_tried_again_and_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "RENEWED", 2)
    deaths = [0, 1, 0, TRIES, 0, TRIES - 1]
    pieces = [(str(tmp_path), number, count) for number, count in enumerate(deaths)]
    found = dict(work_through(_work, pieces, 2))
    died = found.pop(3)
    assert found == {number: 2 * number for number in (0, 1, 2, 4, 5)}
    assert isinstance(died, Died) and (os.name == "nt" or "SIGKILL" in died.why)
    assert len(list(tmp_path.glob("3-*"))) == TRIES
    served = [path.name.split("-")[1] for path in tmp_path.iterdir()]
    assert max(map(served.count, served)) <= 2, "after so many pieces a process is replaced"


def test_who_leaves_early_leaves_no_process(tmp_path: Path) -> None:
    answers = work_through(_slow, [(str(tmp_path), number) for number in range(4)], 2)
    assert next(answers)[1] == 0
    answers.close()
    begun = {int(path.name.split("-")[1]) for path in tmp_path.iterdir()}
    assert begun and not any(_runs(pid) for pid in begun)


def _slow(folder: str, number: int) -> int:
    (Path(folder) / f"{number}-{os.getpid()}").touch()
    time.sleep(60.0 if number else 0.0)
    return number


def _runs(pid: int) -> bool:
    if os.name == "nt":
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
