"""The kernel's modules that the guest loads, in order, and the small archive from which it starts."""

import lzma
import re
import zlib
from collections.abc import Mapping
from pathlib import Path

WANTED = ("virtio_blk", "ext4", "crc32c_generic", "bluetooth", "hci_vhci", "cmac", "algif_hash", "algif_skcipher")

_START = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs none /dev
for module in {modules}; do /bin/busybox insmod /modules/$module.ko; done
/bin/busybox mount -t ext4 /dev/vda /root || echo "no root file system"
/bin/busybox mount -o move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
"""


def wanted_modules(folder: Path) -> dict[str, bytes]:
    """The modules below a folder that the guest needs, uncompressed, each after those that it depends on.

    What is not there as a module is built into the kernel.
    """
    files = {file.name.partition(".ko")[0].replace("-", "_"): file for file in folder.rglob("*.ko*")}
    order: dict[str, bytes] = {}
    waiting: set[str] = set()

    def visit(name: str) -> None:
        if name in waiting or name not in files:
            return
        waiting.add(name)
        data = files[name].read_bytes()
        data = lzma.decompress(data) if files[name].suffix == ".xz" else data
        told = re.search(rb"\0depends=([^\0]*)\0", data)
        for other in (told[1].decode() if told else "").split(","):
            visit(other.replace("-", "_"))
        order[name] = data

    for name in WANTED:
        visit(name)
    return order


def start_archive(busybox: bytes, modules: Mapping[str, bytes]) -> bytes:
    """The compressed initial file system: busybox, the modules, and a script that loads them and goes to the disk."""
    script = _START.format(modules=" ".join(modules)).encode()
    entries = [("bin", 0o40755, b""), ("dev", 0o40755, b""), ("modules", 0o40755, b""), ("root", 0o40755, b"")]
    entries += [("bin/busybox", 0o100755, busybox), ("init", 0o100755, script)]
    entries += [(f"modules/{name}.ko", 0o100644, data) for name, data in modules.items()]
    archive = b"".join(_entry(number, *entry) for number, entry in enumerate(entries, 1))
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    return compressor.compress(archive + _entry(0, "TRAILER!!!", 0, b"")) + compressor.flush()


def _entry(number: int, name: str, mode: int, data: bytes) -> bytes:
    """One file in the `newc` format of cpio (kernel documentation, early-userspace/buffer-format)."""
    words = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % word for word in words) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
