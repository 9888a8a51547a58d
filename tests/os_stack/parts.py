"""What the guest is made of, and what is missing on this machine to make it.

Debian packages come through this machine's own apt with its own sources, into a folder of the test's: nothing is
installed and no administrator is needed. The Python packages are copies of those that run this test, so the guest's
Python has to be of the same version.
"""

import importlib.metadata as metadata
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "mke2fs": "e2fsprogs",
    "debugfs": "e2fsprogs",
}
"""Programs and the Debian packages that have them."""
USERLAND = ("bluez", "dbus", "python3", "busybox-static", "libstdc++6")
KERNELS = ("linux-image-amd64", "linux-image-6.12-amd64")
LEAST_KERNEL = (6, 12)
"""6.1 runs into a BUG in hci_chan_del when a link ends."""


def program(name: str) -> str:
    """Where a program is, the administrator's folders included; empty where it is not."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin") or ""


def missing() -> str:
    """Why the test cannot run here; empty where it can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"the guest is made of Debian's packages for x86_64, on such a machine; this is {platform.machine()}"
    lacking = sorted({package for name, package in PROGRAMS.items() if not program(name)})
    if lacking:
        return f"not installed: {', '.join(lacking)} (apt install {' '.join(lacking)})"
    if not kernel_package():
        return f"apt offers no {' or '.join(KERNELS)} of at least {'.'.join(map(str, LEAST_KERNEL))}: run apt update"
    guest = _candidate("python3")
    if guest[:2] != sys.version_info[:2]:
        return f"apt offers Python {'.'.join(map(str, guest[:2]))}; run this test with a Python of that version"
    return ""


def kernel_package() -> str:
    """The first kernel that is new enough; empty where there is none."""
    return next((name for name in KERNELS if _candidate(name) >= LEAST_KERNEL), "")


def download(cache: Path) -> list[Path]:
    """The guest's packages with all they depend on, fetched where they are not there yet."""
    archives = cache / "archives"
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    nothing_installed = cache / "status"
    nothing_installed.write_text("", encoding="utf-8")
    options = {
        "Debug::NoLocking": "1",
        "Dir::State::status": str(nothing_installed),
        "Dir::Cache::archives": str(archives),
        "APT::Sandbox::User": "",
    }
    settings = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    install = ["install", "--yes", "--no-install-recommends", "--download-only", kernel_package(), *USERLAND]
    # Packages that are no longer offered would be unpacked over those that are.
    for work in (["autoclean"], install):
        subprocess.run(["apt-get", *settings, *work], check=True, capture_output=True, text=True)
    return sorted(archives.glob("*.deb"))


def python_files() -> Iterator[tuple[Path, Path]]:
    """Files of the installed packages that the product needs, each with its place below site-packages."""
    for name in sorted(_needed("kneetrack", set())):
        for file in metadata.files(name) or []:
            source = Path(str(file.locate()))
            if ".." not in file.parts and source.is_file() and file.suffix not in {".pyc", ".pth"}:
                yield source, Path(*file.parts)


def _needed(name: str, known: set[str]) -> set[str]:
    """A distribution and everything that it requires, extras left out."""
    if name in known:
        return known
    known.add(name)
    for text in metadata.requires(name) or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            _needed(requirement.name, known)
    return known


def _candidate(package: str) -> tuple[int, ...]:
    """The version that apt would install, as numbers; empty where there is none."""
    told = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True).stdout
    found = re.search(r"Candidate: (?:\d+:)?(\d+(?:\.\d+)*)", told)
    return tuple(int(number) for number in found[1].split(".")) if found else ()
