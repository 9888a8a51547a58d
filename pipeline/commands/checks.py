"""What `kneetrack doctor` looks at: Python, packages, that the imports are ours, folder, port, PDF, Bluetooth radio."""

import asyncio
import importlib
import os
import platform
import re
import shutil
import socket
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from importlib import metadata
from pathlib import Path

from pipeline.screens.lab_streams import NO_LIBRARY

_LEAST_GB = 0.5
"""An hour of both legs is some 70 MB."""
OLDEST, NEWEST = (3, 11), (3, 13)
HOME = Path(__file__).resolve().parents[2]
OURS = ("firmware_interface", "calibration", "pipeline")
_EXTRAS = {
    "cluster": ("distributed", "batch --scheduler"),
    "lsl": ("pylsl", "--lsl"),
    "c3d": ("ezc3d", "export to .c3d"),
}
"""Extra: its package, and what needs it."""
_RADIO_HINTS = {
    "Linux": "plug in an adapter, install BlueZ, `systemctl start bluetooth`, and check `bluetoothctl power on`",
    "Darwin": "switch Bluetooth on and allow it for your terminal in System Settings > Privacy & Security > Bluetooth",
    "Windows": "switch Bluetooth on in Settings > Bluetooth & devices, and allow desktop apps to use it",
}


class Grade(IntEnum):
    """How bad a finding is."""

    FINE = 0
    WARNING = 1
    MISSING = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what, what was found, and what to do where it is not fine."""

    grade: Grade
    what: str
    found: str
    mend: str = ""


def check_all(radio_s: float) -> Iterator[Finding]:
    """Every finding, the cheap ones first. radio_s: how long to listen for Bluetooth; 0 leaves it out."""
    yield check_python()
    yield from check_packages()
    yield from check_ours()
    yield check_folder(Path.cwd())
    yield check_port()
    yield check_pdf()
    for extra in _EXTRAS:
        yield check_extra(extra)
    if radio_s > 0.0:
        yield check_radio(radio_s)


def check_python(version: tuple[int, int] | None = None) -> Finding:
    """The interpreter's version (major, minor)."""
    running = version or (sys.version_info.major, sys.version_info.minor)
    found = f"{running[0]}.{running[1]} on {platform.platform(terse=True)}"
    wanted = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    if running < OLDEST:
        return Finding(Grade.MISSING, "Python", found, f"install Python {wanted} and make the virtual environment anew")
    if running > NEWEST:
        return Finding(Grade.WARNING, "Python", found, f"kneetrack is tested on {wanted}")
    return Finding(Grade.FINE, "Python", found)


def check_packages(distribution: str = "kneetrack") -> Iterator[Finding]:
    """What the distribution needs: there, and new enough."""
    try:
        needs = metadata.requires(distribution) or []
        yield Finding(Grade.FINE, distribution, metadata.version(distribution))
    except metadata.PackageNotFoundError:
        needs = _declared(HOME / "pyproject.toml")
        grade = Grade.WARNING if needs else Grade.MISSING
        yield Finding(grade, distribution, f"not installed, run from {HOME}", f"run `pip install .` in {HOME}")
    for need in needs:
        if "extra ==" in need:
            continue
        match = re.match(r"([A-Za-z0-9._-]+)\s*(?:>=\s*([0-9.]+))?", need)
        if match:
            yield _check_package(match.group(1), match.group(2) or "0")


def _declared(pyproject: Path) -> list[str]:
    """The needs of a source folder that was not installed."""
    try:
        with pyproject.open("rb") as file:
            needs = tomllib.load(file)["project"]["dependencies"]
    except (OSError, tomllib.TOMLDecodeError, KeyError):
        return []
    return [str(need) for need in needs]


def _check_package(name: str, least: str) -> Finding:
    mend = f'pip install "{name}>={least}"'
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(Grade.MISSING, name, "not installed", mend)
    if _numbers(found) < _numbers(least):
        return Finding(Grade.MISSING, name, f"{found}, older than {least}", mend)
    return Finding(Grade.FINE, name, found)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])


def check_ours() -> Iterator[Finding]:
    """The three packages have common names: another distribution's package of that name may hide one of them."""
    for name in OURS:
        try:
            file = importlib.import_module(name).__file__
        except ImportError as error:
            yield Finding(Grade.MISSING, name, f"cannot be imported ({error})", "install kneetrack again")
            continue
        place = None if file is None else Path(file).resolve().parent.parent
        if place == HOME:
            yield Finding(Grade.FINE, name, f"ours, in {HOME}")
        else:
            mend = f"another package named {name} hides ours: use a virtual environment of its own, or leave {place}"
            yield Finding(Grade.MISSING, name, f"foreign, in {place}", mend)


def check_folder(folder: Path) -> Finding:
    """Whether results can be written here."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding(
            Grade.WARNING, "folder", f"{folder} is not writable ({error.strerror})", "name another one with --out"
        )
    free_gb = shutil.disk_usage(folder).free * 1e-9
    if free_gb < _LEAST_GB:
        return Finding(Grade.WARNING, "folder", f"{free_gb:.1f} GB are free on the disk of {folder}", "make room")
    return Finding(Grade.FINE, "folder", f"{folder} is writable, {free_gb:.0f} GB free")


def check_port(port: int = 8077) -> Finding:
    """Whether the dashboard gets the port that people know."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        if os.name != "nt":
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return Finding(Grade.FINE, "dashboard", f"port {port} is taken, the next free one will be used")
    return Finding(Grade.FINE, "dashboard", f"port {port} is free")


def check_pdf() -> Finding:
    """WeasyPrint is an extra, and needs libraries that pip does not bring."""
    try:
        found = metadata.version("weasyprint")
    except metadata.PackageNotFoundError:
        return Finding(Grade.FINE, "pdf", "not installed; only --pdf needs it: pip install weasyprint")
    try:
        importlib.import_module("weasyprint")
    except (ImportError, OSError) as error:
        mend = "install Pango (Debian: libpango-1.0-0, libpangoft2-1.0-0), or print report.html in a browser"
        return Finding(Grade.WARNING, "pdf", f"weasyprint cannot start ({' '.join(str(error).split())[:80]})", mend)
    return Finding(Grade.FINE, "pdf", f"weasyprint {found}")


def check_extra(extra: str) -> Finding:
    """The packages of the other extras (cluster, lsl, c3d): whether they are there, and start."""
    package, needed_by = _EXTRAS[extra]
    try:
        found = metadata.version(package)
    except metadata.PackageNotFoundError:
        return Finding(Grade.FINE, extra, f"not installed; only {needed_by} needs it: pip install 'kneetrack[{extra}]'")
    try:
        importlib.import_module(package)
    except (ImportError, OSError, RuntimeError) as error:
        mend = NO_LIBRARY if extra == "lsl" else f"install {package} anew"
        return Finding(Grade.WARNING, extra, f"{package} cannot start ({' '.join(str(error).split())[:80]})", mend)
    return Finding(Grade.FINE, extra, f"{package} {found}")


def check_radio(seconds: float) -> Finding:
    """Listens for advertisements; a missing adapter or permission is a warning."""
    hint = _RADIO_HINTS.get(platform.system(), "switch Bluetooth on")
    hint += "; without it replay, process and live --virtual still work"
    try:
        heard = asyncio.run(_listen(seconds))
    except TimeoutError:
        return Finding(Grade.WARNING, "Bluetooth", "the adapter does not answer", hint)
    except Exception as error:  # bleak's backends raise errors of D-Bus, WinRT and CoreBluetooth, with no common base.
        text = " ".join(str(error).split()) or type(error).__name__
        return Finding(Grade.WARNING, "Bluetooth", f"no radio ({text[:120]})", hint)
    return Finding(Grade.FINE, "Bluetooth", f"works, {heard} devices heard in {seconds:.0f} s")


async def _listen(seconds: float) -> int:
    from bleak import BleakScanner

    found = await asyncio.wait_for(BleakScanner.discover(timeout=seconds), timeout=seconds + 8.0)
    return len(found)
