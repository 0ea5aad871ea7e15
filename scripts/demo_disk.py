# SPDX-License-Identifier: Apache-2.0
"""The demo's second disk: a virtio disk of the machine, which the driver domain
serves to a guest. It is given a file system and a file before the guest reboots,
and looked at afterwards, by the guest and from outside."""
import hashlib
import os
import subprocess

import harness
from harness import Failure

PATH = os.path.join(harness.BUILD, "demo", "disk.img")
SIZE = 64 << 20
WRITTEN = 8             # MiB


def qemu():
    """The disk, new and empty, as QEMU's arguments."""
    os.makedirs(os.path.dirname(PATH), exist_ok=True)
    with open(PATH, "wb") as file:
        file.truncate(SIZE)
    return ["-drive", f"if=none,id=disk,format=raw,file={PATH}",
            "-device", "virtio-blk-pci,drive=disk"]


def write(guest):
    """Make a file system and a file in it; its SHA-256."""
    return guest.run(
        "mkfs.ext4 -q /dev/xvdb && mount /dev/xvdb /mnt && "
        f"dd if=/dev/urandom of=/mnt/file bs=1M count={WRITTEN} 2>/dev/null && "
        "sync && sha256sum </mnt/file", 90).output.split()[0]


def verify(guest, wrote):
    """The file is there, for the guest and in the disk itself."""
    if guest.run("findmnt -n /mnt", check=False).output:
        raise Failure("the file system is mounted already")
    read = guest.run("mount /dev/xvdb /mnt && sha256sum </mnt/file; "
                     "umount /mnt", 90).output.split()[0]
    there = hashlib.sha256(subprocess.run(
        ["debugfs", "-R", "cat /file", PATH], check=True,
        capture_output=True).stdout).hexdigest()
    if not wrote == read == there:
        raise Failure(f"wrote {wrote}, read {read}, the disk has {there}")
    return (f"ext4, {WRITTEN} MiB {wrote[:16]}... the same after a reboot, and "
            "in the disk itself")
