"""The guest, booted under software emulation; what it left on its disk."""

import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.os_stack.parts import program

MEMORY_MB = 2048
_PROCESSOR = "max,avx2=off"
"""Without what numpy would sort with: an emulated gather of AVX2 has ended in a fault (QEMU 7.2)."""
_COMMAND_LINE = "console=ttyS0 panic=-1 quiet mitigations=off"


@dataclass(frozen=True, slots=True)
class Boot:
    """A guest's life. console: what it said. results: the folder with what it wrote. wall_s: how long it took."""

    console: str
    results: Path
    wall_s: float
    ended: bool


def boot(folder: Path, settings: dict[str, str], results: Path, patience_s: float) -> Boot:
    """Boot kernel, start and disk of `folder` (the disk is used up), wait for its end, fetch /results."""
    # While it works, the guest's clock counts instructions; while it waits, as for its disk, it follows the real one.
    disk = folder / "disk"
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
        file.write("".join(f"{name}={value}\n" for name, value in settings.items()))
    _debugfs(disk, f"write {file.name} /results/settings", write=True)
    Path(file.name).unlink()
    console = results.parent / "console.txt"
    call = [
        program("qemu-system-x86_64"), "-nodefaults", "-no-reboot", "-display", "none",
        "-accel", "tcg", "-icount", "shift=0,sleep=on", "-cpu", _PROCESSOR, "-smp", "1", "-m", str(MEMORY_MB),
        "-kernel", str(folder / "kernel"), "-initrd", str(folder / "start"), "-append", _COMMAND_LINE,
        "-drive", f"file={disk},if=virtio,format=raw,cache=unsafe", "-serial", f"file:{console}",
    ]  # fmt: skip
    began_s = time.monotonic()
    ended = True
    with subprocess.Popen(call, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as guest:
        try:
            _, complaint = guest.communicate(timeout=patience_s)
        except subprocess.TimeoutExpired:
            guest.kill()
            _, complaint = guest.communicate()
            ended = False
    said = console.read_text(encoding="utf-8", errors="replace") if console.exists() else ""
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    _debugfs(disk, f"rdump /results {results}")
    return Boot(said + complaint, results / "results", time.monotonic() - began_s, ended)


def _debugfs(disk: Path, request: str, write: bool = False) -> None:
    call = [program("debugfs"), *(["-w"] if write else []), "-R", request, str(disk)]
    subprocess.run(call, check=True, capture_output=True)
