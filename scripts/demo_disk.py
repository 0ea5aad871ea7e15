# SPDX-License-Identifier: Apache-2.0
"""The demo's disk: a virtio disk of the machine, which the driver domain serves
to a guest."""
import hashlib
import os
import time

import harness
from harness import Failure

PATH = os.path.join(harness.BUILD, "demo", "disk.img")
SIZE = 64 << 20
WRITTEN = 8             # MiB, from MiB 4 on


def qemu():
    """The disk, new and empty, as QEMU's arguments."""
    os.makedirs(os.path.dirname(PATH), exist_ok=True)
    with open(PATH, "wb") as file:
        file.truncate(SIZE)
    return ["-drive", f"if=none,id=disk,format=raw,file={PATH}",
            "-device", "virtio-blk-pci,drive=disk"]


def survives_reboot(demo, guest):
    """Write, flush, reboot the guest, read, and compare with the file."""
    area = f"bs=1M count={WRITTEN}"
    begin = time.monotonic()
    wrote = guest.run(
        f"dd if=/dev/urandom of=/tmp/data {area} 2>/dev/null && "
        f"dd if=/tmp/data of=/dev/xvdb {area} seek=4 conv=fsync 2>/dev/null "
        "&& sha256sum </tmp/data", 60).output.split()[0]
    seconds = time.monotonic() - begin
    starts = guest.starts
    guest.start("reboot -f")
    guest.wait_ready(120, starts=starts + 1)
    read = guest.run(f"dd if=/dev/xvdb {area} skip=4 2>/dev/null | sha256sum",
                     60).output.split()[0]
    with open(PATH, "rb") as file:
        file.seek(4 << 20)
        there = hashlib.sha256(file.read(WRITTEN << 20)).hexdigest()
    if not wrote == read == there:
        raise Failure(f"wrote {wrote}, read {read}, the file has {there}")
    return (f"{WRITTEN} MiB written in {seconds:.1f} s, the same after a "
            "reboot, and in the disk's file")
