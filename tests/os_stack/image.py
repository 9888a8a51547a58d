"""The guest's disk: Debian's packages unpacked, the Python packages of this environment, and this repository."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.os_stack.modules import start_archive, wanted_modules
from tests.os_stack.parts import program, python_files

REPOSITORY = Path(__file__).resolve().parents[2]
SITE = "opt/site"
OURS = "opt/kneetrack"
_LEFT_OUT = ("./usr/share/doc/*", "./usr/share/man/*", "./usr/share/locale/*", "./usr/share/i18n/*")
_MERGED = ("bin", "sbin", "lib", "lib64")
_SIZE = "3G"
"""Of the disk; a file that takes only what is in it."""


def build(debs: Sequence[Path], folder: Path) -> None:
    """Write `kernel`, `start` and `disk` into folder."""
    tree, kernel_tree = folder / "tree", folder / "kernel_tree"
    for each in (tree, kernel_tree):
        shutil.rmtree(each, ignore_errors=True)
        each.mkdir(parents=True)
    for name in _MERGED:
        (tree / "usr" / name).mkdir(parents=True)
        (tree / name).symlink_to(f"usr/{name}")
    for deb in debs:
        _unpack(deb, kernel_tree if deb.name.startswith("linux-image") else tree)
    _configure(tree)
    _copy_python(tree)
    kernel = max((kernel_tree / "boot").glob("vmlinuz-*"), key=lambda file: file.stat().st_mtime)
    modules = next(kernel_tree.rglob(f"modules/{kernel.name.removeprefix('vmlinuz-')}"))
    shutil.copyfile(kernel, folder / "kernel")
    busybox = (tree / "bin/busybox").read_bytes()
    (folder / "start").write_bytes(start_archive(busybox, wanted_modules(modules)))
    disk = folder / "disk"
    disk.unlink(missing_ok=True)
    call = [program("mke2fs"), "-q", "-t", "ext4", "-O", "^has_journal", "-d", str(tree), str(disk), _SIZE]
    subprocess.run(call, check=True, capture_output=True)
    shutil.rmtree(tree)
    shutil.rmtree(kernel_tree)


def _unpack(deb: Path, into: Path) -> None:
    """The files of a package; its scripts are not run."""
    files = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE)
    leave = [f"--exclude={pattern}" for pattern in _LEFT_OUT]
    call = [
        "tar",
        "-x",
        "--keep-directory-symlink",
        "--no-same-owner",
        "--no-same-permissions",
        *leave,
        "-C",
        str(into),
    ]
    subprocess.run(call, stdin=files.stdout, check=True, capture_output=True)
    if files.wait():
        raise RuntimeError(f"{deb.name} cannot be unpacked")


def _configure(tree: Path) -> None:
    """What the packages' own scripts would do, as far as this guest needs it."""
    etc = tree / "etc"
    etc.mkdir(exist_ok=True)
    users = "root:x:0:0::/root:/bin/sh\nmessagebus:x:100:100::/nonexistent:/bin/false\n"
    (etc / "passwd").write_text(users, encoding="utf-8")
    (etc / "group").write_text("root:x:0:\nmessagebus:x:100:\nbluetooth:x:101:\nnetdev:x:102:\n", encoding="utf-8")
    (etc / "machine-id").write_text(f"{1:032x}\n", encoding="utf-8")
    for name in ("proc", "sys", "dev", "run", "tmp", "root", "results", "var/lib/dbus", "var/lib/bluetooth"):
        (tree / name).mkdir(parents=True, exist_ok=True)
    # The system bus is looked for in /var/run.
    for link, target in ((tree / "var/run", "/run"), (tree / "usr/bin/sh", "busybox")):
        if not link.exists() and not link.is_symlink():
            link.symlink_to(target)
    init = tree / "usr/sbin/init"
    init.unlink(missing_ok=True)
    shutil.copyfile(Path(__file__).with_name("guest_init.sh"), init)
    init.chmod(0o755)


def _copy_python(tree: Path) -> None:
    for source, place in python_files():
        target = tree / SITE / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        os.chmod(target, 0o755 if ".so" in target.name else 0o644)
    leave = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("firmware_interface", "calibration", "pipeline", "tests"):
        shutil.copytree(REPOSITORY / name, tree / OURS / name, ignore=leave)
