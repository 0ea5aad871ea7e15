# SPDX-License-Identifier: Apache-2.0
"""Disks of the machine, by way of a driver domain, for an unmodified guest: a
partition of a virtio disk, an NVMe and a SATA disk. What the guest wrote is
compared with the files behind them."""
import hashlib
import os
import re
import struct

import pytest

MIB = 1 << 20
DISK = 48               # MiB, each
PART = 16               # MiB: where the first partition ends, from MiB 1 on
# Where each disk has a sector that can't be read or written.
BAD = {"virtio": 14, "nvme": 44, "sata": 44}
UPLINK = 1
# Of the guest and of the driver domain, and where the guest's begins.
DISKS = [("xvda", "nvme", 0), ("xvdb", "virtio", 1), ("xvdd", "sata", 0)]


def disk_image(path, partitions=()):
    """Random bytes; with a table of (first, end) partitions in MiB."""
    data = bytearray(os.urandom(MIB) * DISK)
    if partitions:
        table = b"".join(
            struct.pack("<B3xB3xII", 0, 0x83, first * 2048,
                        (end - first) * 2048) for first, end in partitions)
        data[446:512] = table.ljust(64, b"\0") + b"\x55\xaa"
    with open(path, "wb") as file:
        file.write(data)
    return bytes(data)


class Scene:
    def __init__(self, folder):
        self.files = {name: os.path.join(folder, name)
                      for name in ("virtio", "nvme", "sata")}
        self.before = {
            name: disk_image(path, [(1, PART), (PART, 32)]
                             if name == "virtio" else ())
            for name, path in self.files.items()}
        self.machine = self.guest = self.uplink = None

    def qemu(self):
        words = []
        for name, path in self.files.items():
            bad = "".join(f",file.inject-error.{n}.event={event}_aio,"
                          f"file.inject-error.{n}.sector={BAD[name] * 2048}"
                          for n, event in enumerate(("read", "write")))
            words += ["-drive", f"if=none,id={name},format=raw,discard=unmap,"
                      f"file.driver=blkdebug,file.image.filename={path}{bad}"]
        return words + [
            "-device", "virtio-blk-pci,drive=virtio",
            "-device", "nvme,drive=nvme,serial=1",
            "-device", "ich9-ahci,id=ahci",
            "-device", "ide-hd,drive=sata,bus=ahci.0"]

    def boot(self, vms, machines):
        self.machine = machines.boot(vms.bundle(
            vms.disk_domain(),
            vms.config("a", memory=200, vcpus=2, ip="10.0.0.2",
                       ramdisk="storage.cpio.gz",
                       disk=["vdev=xvda, target=dd:uplink/nvme0n1",
                             "vdev=xvdb, target=dd:uplink/vda1",
                             "vdev=xvdc, target=dd:uplink/vda2, access=ro",
                             "vdev=xvdd, target=dd:uplink/sda"])),
            ram=1024, extra=self.qemu())
        self.uplink = self.machine.guest("uplink", UPLINK)
        self.guest = self.machine.guest("a", 2).wait_ready()
        return self

    def counter(self, disk, name):
        for line in self.machine.prompt(f"volumes a.{disk}"):
            match = re.fullmatch(rf" +{name} +(\d+)", line)
            if match:
                return int(match[1])
        return 0

    def on_disk(self, name, at, size):
        with open(self.files[name], "rb") as file:
            file.seek(at)
            return file.read(size)

    def wait_disk(self, disk):
        self.guest.run(f"for i in $(seq 300); do test -b /dev/{disk} && exit; "
                       "usleep 100000; done; exit 1", 60)


@pytest.fixture(scope="module")
def scene(module_vms, module_machines):
    return Scene(module_vms.folder).boot(module_vms, module_machines)


def sha(data):
    return hashlib.sha256(data).hexdigest()


def test_disks(scene):
    """They are as large as they are, and what is on them is read."""
    for disk, name, at, size in (("xvda", "nvme", 0, DISK),
                                 ("xvdb", "virtio", 1, PART - 1),
                                 ("xvdc", "virtio", PART, 32 - PART),
                                 ("xvdd", "sata", 0, DISK)):
        scene.wait_disk(disk)
        output = scene.guest.run(
            f"cat /sys/block/{disk}/size /sys/block/{disk}/ro && dd "
            f"if=/dev/{disk} bs=1M count=4 iflag=direct 2>/dev/null | "
            "sha256sum").output.split()
        assert output[:2] == [str(size * 2048), str(int(disk == "xvdc"))]
        assert output[2] == sha(scene.before[name][at * MIB:(at + 4) * MIB])


@pytest.mark.parametrize("disk, name, first", DISKS)
def test_data(scene, disk, name, first):
    """Written in pieces of all sizes; the file has it, and only there."""
    start = first * MIB
    sums = scene.guest.run(
        f"dd if=/dev/urandom of=/tmp/x bs=1M count=4 2>/dev/null; "
        f"dd if=/tmp/x of=/dev/{disk} bs=1M seek=2 oflag=direct 2>/dev/null "
        f"&& dd if=/tmp/x of=/dev/{disk} bs=512 seek=16385 count=3 "
        f"oflag=direct 2>/dev/null && sync && dd if=/dev/{disk} bs=4k "
        "skip=512 count=1024 iflag=direct 2>/dev/null | sha256sum && "
        "sha256sum </tmp/x && head -c 1536 /tmp/x | sha256sum",
        60).output.split()
    assert sums[0] == sums[2]
    before, at = scene.before[name], start + 2 * MIB
    assert sha(scene.on_disk(name, at, 4 * MIB)) == sums[0]
    small = start + 16385 * 512
    assert sha(scene.on_disk(name, small, 1536)) == sums[4]
    assert scene.on_disk(name, 0, at) == before[:at]
    assert scene.on_disk(name, at + 4 * MIB, small - at - 4 * MIB) == \
        before[at + 4 * MIB:small]
    assert scene.on_disk(name, small + 1536, MIB) == \
        before[small + 1536:small + 1536 + MIB]
    assert scene.counter(disk, "errors") == 0


def test_read_only(scene):
    scene.guest.run("! dd if=/dev/zero of=/dev/xvdc bs=4k count=1 2>/dev/null")
    assert scene.on_disk("virtio", PART * MIB, MIB) == \
        scene.before["virtio"][PART * MIB:(PART + 1) * MIB]


@pytest.mark.parametrize("disk, name, first", DISKS)
def test_discard(scene, disk, name, first):
    """What is discarded is gone, on the disk, and nothing beside it."""
    at = 12 - first
    scene.guest.run(f"blkdiscard -o {at}M -l 1M /dev/{disk}")
    assert scene.on_disk(name, 12 * MIB, MIB) == bytes(MIB)
    for other in (11, 13):
        assert scene.on_disk(name, other * MIB, MIB) == \
            scene.before[name][other * MIB:(other + 1) * MIB]


@pytest.mark.parametrize("disk, name, first", DISKS)
def test_disk_error(scene, disk, name, first):
    """A bad sector: requests for it fail, and no others."""
    before = scene.counter(disk, "errors")
    block = (BAD[name] - first) * 256
    read = f"dd if=/dev/{disk} of=/dev/null bs=4k count=1 iflag=direct 2>&1 skip="
    write = f"dd if=/dev/zero of=/dev/{disk} bs=4k count=1 oflag=direct 2>&1 seek="
    for command in (read, write):
        done = scene.guest.run(command + str(block), 60, check=False)
        assert done.status != 0 and "Input/output error" in done.output
        for other in (block - 1, block + 1):
            scene.guest.run(command + str(other))
    # Linux may ask again for itself.
    assert scene.counter(disk, "errors") >= before + 2
    assert scene.counter(disk, "target_errors") >= 2
    assert scene.counter(disk, "outages") == 0


def test_driver_domain_dies(scene):
    """Requests wait until it is back, and none is lost."""
    before = {disk: scene.counter(disk, "errors") for disk in ("xvda", "xvdd")}
    job = scene.guest.start(
        "dd if=/dev/urandom of=/tmp/y bs=1M count=24 2>/dev/null; "
        "for i in 1 2; do for d in xvda xvdd; do "
        "(dd if=/tmp/y of=/dev/$d bs=256k seek=40 oflag=direct 2>/dev/null || "
        "echo bad) & done; wait; done; "
        "for d in xvda xvdd; do dd if=/dev/$d bs=256k skip=40 count=96 "
        "iflag=direct 2>/dev/null | sha256sum; done; sha256sum </tmp/y")
    scene.machine.wait_for(lambda: scene.counter("xvda", "writes") > 60, 30,
                           "some writes")
    scene.machine.prompt("restart uplink")
    sums = job.wait(120).output.split()
    assert sums[0] == sums[2] == sums[4]
    assert sha(scene.on_disk("nvme", 10 * MIB, 24 * MIB)) == sums[0]
    for disk in ("xvda", "xvdd"):
        assert scene.counter(disk, "outages") == 1
        assert scene.counter(disk, "errors") == before[disk]


def test_unplug(scene):
    scene.machine.prompt("unplug a xvdd")
    scene.guest.run("for i in $(seq 100); do test -b /dev/xvdd || exit 0; "
                    "usleep 100000; done; exit 1", 30)
    scene.machine.wait_for(
        lambda: not any("backend/vbd/0/3" in line for line in
                        scene.machine.prompt("xenstore-ls "
                                             "/local/domain/0/device")),
        30, "the device to go")
