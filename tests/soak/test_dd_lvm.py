# SPDX-License-Identifier: Apache-2.0
"""Logical volumes in a driver domain as disks of VMs. LVM's own tools, in a guest
that has the whole disks, make the volume group first."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))
from conftest import *  # noqa: E402,F401,F403

MIB = 1 << 20
DISK = 64               # MiB, each
UPLINK = 1
# Of the driver domain. The first two become one volume group.
DISKS = {"vda": ("virtio-blk-pci,drive=vda",),
         "nvme0n1": ("nvme,drive=nvme0n1,serial=1",),
         "sda": ("ich9-ahci,id=ahci", "ide-hd,drive=sda,bus=ahci.0")}
EXTENTS = 1             # MiB: LVM puts the first one there
# Its volumes: data of 24 MiB on the first disk, and two stripes on both.
MAKE = ("lvm pvcreate -qq /dev/xvda /dev/xvdb && "
        "lvm vgcreate -qq vg-a /dev/xvda /dev/xvdb && "
        "lvm lvcreate -qq -an -Zn -Wn -L 24m -n data vg-a /dev/xvda && "
        "lvm lvcreate -qq -an -Zn -Wn -L 32m -i 2 -I 64k -n both vg-a")


class Scene:
    def __init__(self, folder, vms, machines):
        self.folder, self.vms, self.machines = folder, vms, machines
        for name in DISKS:
            with open(self.file(name), "wb") as file:
                file.truncate(DISK * MIB)

    def file(self, name):
        return os.path.join(self.folder, name)

    def on_disk(self, name, at, size):
        with open(self.file(name), "rb") as file:
            file.seek(at)
            return file.read(size)

    def boot(self, ramdisk, words, *disks):
        qemu = []
        for name, devices in DISKS.items():
            qemu += ["-drive", f"if=none,id={name},format=raw,file={self.file(name)}"]
            for device in devices:
                qemu += ["-device", device]
        self.machine = self.machines.boot(self.vms.bundle(
            self.vms.disk_domain(ramdisk, words),
            self.vms.config("a", memory=256, ip="10.0.0.2",
                            ramdisk="storage-lvm.cpio.gz", disk=list(disks))),
            ram=1024, extra=qemu)
        self.uplink = self.machine.guest("uplink", UPLINK)
        self.guest = self.machine.guest("a", 2).wait_ready()

    def wait_disk(self, disk):
        self.guest.run(f"for i in $(seq 300); do test -b /dev/{disk} && exit; "
                       "usleep 100000; done; exit 1", 60)

    def reported(self):
        return "\n".join(self.machine.prompt("xenstore-ls /local/domain/1/data"))

    def lives(self):
        return sum("uplink: ready in" in line for line in self.uplink.lines)

    def restart(self):
        lives = self.lives()
        self.machine.prompt("restart uplink")
        self.machine.wait_for(lambda: self.lives() > lives, 120,
                              "the driver domain did not come back")


@pytest.fixture(scope="module")
def scene(module_vms, module_machines, tmp_path_factory):
    scene = Scene(str(tmp_path_factory.mktemp("lvm")), module_vms, module_machines)
    scene.boot("driver-domain.cpio.gz", "", "vdev=xvda, target=dd:uplink/vda",
               "vdev=xvdb, target=dd:uplink/nvme0n1")
    for disk in ("xvda", "xvdb"):
        scene.wait_disk(disk)
    scene.guest.run(f"mkdir -p /run/lock/lvm /etc/lvm; {MAKE} && sync", 120)
    scene.machine.stop()
    scene.boot("driver-domain-lvm.cpio.gz", "mv.lvm=vda,nvme0n1",
               "vdev=xvda, target=dd:uplink/vg--a-data",
               "vdev=xvdb, target=dd:uplink/vg--a-both",
               "vdev=xvdc, target=dd:uplink/sda")
    return scene


def test_volumes(scene):
    """They have their sizes; what is written is where LVM says."""
    for disk, size in (("xvda", 24), ("xvdb", 32), ("xvdc", DISK)):
        scene.wait_disk(disk)
        output = scene.guest.run(f"cat /sys/block/{disk}/size").output
        assert output == str(size * 2048)
    sums = scene.guest.run(
        "dd if=/dev/urandom of=/tmp/x bs=1M count=8 2>/dev/null; "
        "for d in xvda xvdb; do dd if=/tmp/x of=/dev/$d bs=1M seek=4 "
        "oflag=direct 2>/dev/null; dd if=/dev/$d bs=1M skip=4 count=8 "
        "iflag=direct 2>/dev/null | cmp - /tmp/x && echo same; done; "
        "head -c 65536 /tmp/x | hexdump -ve '1/1 \"%02x\"' | head -c 64", 60)
    words = sums.output.split()
    assert words[:2] == ["same", "same"]
    start = bytes.fromhex(words[2])
    assert scene.on_disk("vda", (EXTENTS + 4) * MIB, len(start)) == start
    # Of the striped one's first four MiB each disk has two.
    assert start not in scene.on_disk("nvme0n1", 0, DISK * MIB)
    assert scene.on_disk("vda", (EXTENTS + 24 + 2) * MIB, len(start)) == start


def test_no_whole_disks(scene):
    """What volumes are on is no disk for VMs."""
    text = scene.reported()
    assert "vg--a-data" in text and "sda" in text
    assert "vda" not in text and "nvme0n1" not in text


def test_guest_makes_a_group(scene):
    """A guest's disk gets a volume group of the same name: nothing comes of it."""
    scene.guest.run(
        "mkdir -p /run/lock/lvm /etc/lvm; lvm pvcreate -qq /dev/xvdc && lvm vgcreate "
        "-qq vg-a /dev/xvdc && lvm lvcreate -qq -an -Zn -Wn -L 8m -n data vg-a "
        "&& lvm lvcreate -qq -an -Zn -Wn -L 8m -n evil vg-a && sync", 120)
    scene.restart()
    for disk in ("xvda", "xvdb"):
        scene.guest.run(f"dd if=/dev/{disk} bs=1M skip=4 count=8 iflag=direct "
                        "2>/dev/null | cmp - /tmp/x", 60)
    text = scene.reported()
    assert "sda" in text and "evil" not in text
    output = scene.guest.run("cat /sys/block/xvda/size").output
    assert output == str(24 * 2048)


def test_incomplete(scene):
    """One of the disks isn't there: what is whole without it is served."""
    scene.machine.stop()
    scene.boot("driver-domain-lvm.cpio.gz", "mv.lvm=vda,sdz,x/y",
               "vdev=xvda, target=dd:uplink/vg--a-data")
    scene.wait_disk("xvda")
    for text in ("mv.lvm: there is no disk sdz", "not all volumes are active",
                 "mv.lvm: 'x/y' is no name of a disk or a partition"):
        scene.uplink.wait_line(f"uplink: {text}")
    text = scene.reported()
    assert "nvme0n1" in text and "vda" not in text and "both" not in text


def test_no_tool(scene):
    """A RAM disk without LVM: that is told, and nothing is served instead."""
    scene.machine.stop()
    scene.boot("driver-domain.cpio.gz", "mv.lvm=vda,nvme0n1",
               "vdev=xvda, target=dd:uplink/sda")
    scene.wait_disk("xvda")
    scene.uplink.wait_line("uplink: mv.lvm: there is no LVM in this RAM disk")
    text = scene.reported()
    assert "sda" in text and "nvme0n1" not in text and "vda" not in text
