"""The whole test: parts, disk, boot, and what is to be true of the session that the guest recorded."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.files.recording import Recording
from pipeline.records import Event, Segment, Side
from tests.os_stack.image import build
from tests.os_stack.machine import boot
from tests.os_stack.parts import download, missing

SIDE, CUT = Side.RIGHT, Segment.THIGH
"""Whose link is cut in the middle (see `radio`)."""
CUT_SHARE = 0.55
"""Of the streaming, after which that is done."""
LONGEST_AWAY_S = 15.0
"""An emulated processor is slow to come back."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """What came of it. summary: the session's summary.json, empty where there is none. events: what it tells of
    connections, in order: the sensor's place, and connected, or disconnected and why."""

    console: str
    live: str
    results: Path
    exit_code: str
    summary: dict[str, Any]
    events: list[tuple[str, str]]
    wall_s: float
    asked_s: float
    rate_hz: float

    def problems(self) -> list[str]:
        """What is not as it should be; nothing where `kneetrack live` on BlueZ did all of its work."""
        if self.exit_code != "0":
            return [f"kneetrack live ended with {self.exit_code or 'no exit code'}: see {self.results}"]
        found = []
        sensors = self.sensors()
        if len(sensors) != 2:
            found.append(f"{len(sensors)} sensors in the summary, not 2")
        for name, counts in sensors.items():
            cut = name == f"{SIDE} {CUT}"
            if counts["connections"] != 1 + cut:
                found.append(f"{name}: {counts['connections']} connections, not {1 + cut}")
            if cut and not 0.0 < counts["gap_s"] < LONGEST_AWAY_S:
                found.append(f"{name}: {counts['gap_s']:.1f} s of gaps where its link was cut once")
            told = [what for place, what in self.events if place == name]
            wanted = ["connected", "connection lost", "connected"] if cut else ["connected"]
            if told[: len(wanted)] != wanted or "connection lost" in told[len(wanted) :]:
                found.append(f"{name}: the recording tells {', '.join(told)}")
            expected = (self.asked_s - counts["gap_s"]) * self.rate_hz
            if counts["samples"] < 0.9 * expected:
                found.append(f"{name}: {counts['samples']} samples of about {expected:.0f}")
            # What was in the air when the link was cut is lost as well.
            if counts["lost"] > 0.01 * expected or counts["rejected"]:
                found.append(f"{name}: {counts['lost']} samples lost, {counts['rejected']} packets rejected")
        if not self.summary.get("rows"):
            found.append("no row in the summary")
        return found

    def sensors(self) -> dict[str, dict[str, Any]]:
        """The counts of each sensor, by where it is worn."""
        return dict(self.summary.get("sensors", {}))

    def lines(self) -> list[str]:
        """Figures to report."""
        told = [f"{self.wall_s:.0f} s on this machine; results in {self.results}"]
        for name, c in self.sensors().items():
            told.append(
                f"{name}: {c['samples']} samples in {c['notifications']} notifications, {c['rate_hz']:.1f} Hz, "
                f"{c['lost']} lost, {c['rejected']} rejected, {c['connections']} connection(s), "
                f"{c['gap_s']:.1f} s of gaps"
            )
        return told


def run(folder: Path, seconds: float, rate_hz: float, patience_s: float) -> Streamed | str:
    """The session that a fresh guest recorded, or why there can be none here."""
    reason = missing()
    if reason:
        return reason
    folder.mkdir(parents=True, exist_ok=True)
    print("fetching packages ...", flush=True)
    try:
        debs = download(folder / "packages")
    except subprocess.CalledProcessError as error:
        return f"the guest's packages cannot be fetched: {' '.join(str(error.stderr).split())[-300:]}"
    print(f"building a disk of {len(debs)} packages ...", flush=True)
    build(debs, folder)
    print("booting; this takes some minutes ...", flush=True)
    settings = {"SECONDS_LIVE": f"{seconds:g}", "RATE_HZ": f"{rate_hz:g}", "CUT_S": f"{CUT_SHARE * seconds:g}"}
    life = boot(folder, settings, folder / "guest", patience_s)
    (folder / "disk").unlink()
    summary = life.results / "session" / "summary.json"
    return Streamed(
        life.console,
        _text(life.results / "live.txt"),
        life.results,
        _text(life.results / "exit_code").strip(),
        json.loads(_text(summary)) if summary.exists() else {},
        _connections(life.results / "session" / "recording.knee"),
        life.wall_s,
        seconds,
        rate_hz,
    )


def _connections(file: Path) -> list[tuple[str, str]]:
    """What a recording tells of connections."""
    if not file.exists():
        return []
    with Recording(file) as recording:
        places = {info.id: f"{info.side} {info.segment}" for info in recording.sensors}
        events = [each for batch in recording.records() for each in batch if isinstance(each, Event)]
    return [
        (places[int(event.fields["sensor"])], str(event.fields.get("reason", event.kind)))
        for event in events
        if event.kind in ("connected", "disconnected")
    ]


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
