"""The check before a session: recorded, replayed, and told in summary.json."""

import json
from pathlib import Path

import pytest

from pipeline.files.results import ResultsWriter
from pipeline.offline import process
from pipeline.records import Event, Record, Side
from pipeline.session import Session
from pipeline.start_check import KIND, Check
from tests.end_to_end.simulated_legs import records, sensors, simulation


def test_a_check_comes_back_as_it_was_stored() -> None:
    for check in (Check(), Check(pain=True), Check(swelling=True, giving_way=True)):
        assert Check.from_fields(json.loads(json.dumps(check.fields()))) == check
    assert (Check().any, Check(giving_way=True).any) == (False, True)
    assert Check(pain=True, swelling=True, giving_way=True).words() == "pain, swelling and giving way"


@pytest.mark.parametrize("stored", [None, 3, "pain", [], {}, {"other": True}])
def test_what_is_no_check_is_none(stored: object) -> None:
    assert Check.from_fields(stored) is None


def test_only_plain_truth_is_ticked() -> None:
    assert Check.from_fields({"pain": "no", "swelling": 1, "giving_way": True}) == Check(giving_way=True)


def test_a_recorded_check_is_raised_live_and_offline_and_stands_in_the_summary(tmp_path: Path) -> None:
    worn = sensors(Side.RIGHT)
    table = simulation(3, Side.RIGHT, "stand:4").table(Side.RIGHT)
    told: list[Record] = [
        Event(0, 1_000_000, KIND, Check(swelling=True).fields()),
        Event(1, 1_100_000, KIND, {"text": "no check"}),
    ]
    everything = told + records(table, first_id=worn[0].id)
    session = Session(worn)
    update = session.feed(everything)
    update.events.extend(session.finish().events)
    for events in (update.events, process(everything, worn).update.events):
        assert [e.fields for e in events if e.kind == KIND][:1] == [
            {"pain": False, "swelling": True, "giving_way": False}
        ]
    with ResultsWriter(tmp_path) as results:
        results.write(update)
        results.finish()
    assert json.loads((tmp_path / "summary.json").read_text())["check"] == Check(swelling=True).fields()
    assert '"kind": "check"' in (tmp_path / "events.jsonl").read_text()
