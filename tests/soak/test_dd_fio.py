# SPDX-License-Identifier: Apache-2.0
"""fio on disks of a driver domain, with everything that it wrote verified, also
while the driver domain is ended again and again with more than a hundred requests
under way. The guest's root is a disk of the driver domain, too.

The disks do IOPS requests a second each, so that requests pile up. Of those above
a page a driver domain's disk takes 16 at a time (DD_CHUNKS), of others 64.

MV_SOAK_MIB is how much of a disk each run of fio covers instead of 32,
MV_SOAK_KILLS how often the driver domain is ended instead of 6.
"""
import os
import re
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))
import harness  # noqa: E402
from conftest import *  # noqa: E402,F401,F403

MIB = int(os.environ.get("MV_SOAK_MIB", "32"))
KILLS = int(os.environ.get("MV_SOAK_KILLS", "6"))
UNDER_WAY = 100
MARGIN = 20              # answers between the look and the end
PAUSE = 1000            # answers
IOPS = 80
SIZE = 256 << 20
UPLINK = 1
SOAK_IMAGE = os.path.join(harness.BUILD, "guests", "debian-soak.img")
# Of the guest, and of the driver domain.
DISKS = {"xvdb": "vdb", "xvdc": "nvme0n1", "xvdd": "sda"}
DEVICES = {"vdb": ("virtio-blk-pci,drive=vdb",),
           "nvme0n1": ("nvme,drive=nvme0n1,serial=1",),
           "sda": ("ich9-ahci,id=ahci", "ide-hd,drive=sda,bus=ahci.0")}


def fio_command(name, disk, mib, *options):
    return (f"fio --name={name} --filename=/dev/{disk} --direct=1 "
            f"--ioengine=libaio --size={mib}m --verify=crc32c --verify_fatal=1 "
            "--verify_state_save=0 --randrepeat=1 --output-format=terse "
            + " ".join(options))


class Scene:
    def __init__(self, folder, vms, machines):
        root = os.path.join(folder, "root.img")
        subprocess.run(["cp", "--sparse=always", SOAK_IMAGE, root], check=True)
        words = ["-drive", f"if=none,id=vda,format=raw,file={root}",
                 "-device", "virtio-blk-pci,drive=vda"]
        for name, devices in DEVICES.items():
            path = os.path.join(folder, name)
            with open(path, "wb") as file:
                file.truncate(SIZE)
            words += ["-drive", f"if=none,id={name},format=raw,file={path},"
                      f"throttling.iops-total={IOPS}"]
            for device in devices:
                words += ["-device", device]
        self.machine = machines.boot(vms.bundle(
            vms.disk_domain(),
            vms.config("client", memory=384, vcpus=2, ramdisk="debian.cpio.gz",
                       extra="quiet", disk=[
                           "vdev=xvda, target=dd:uplink/vda",
                           *(f"vdev={disk}, target=dd:uplink/{name}"
                             for disk, name in DISKS.items())])),
            ram=1024, extra=words)
        self.uplink = self.machine.guest("uplink", UPLINK)
        self.client = self.machine.guest("client", 2).wait_ready(180)

    def counters(self, disk):
        found = [re.fullmatch(r" +(\S.*?) +(\d+)", line) for line in
                 self.machine.prompt(f"volumes client.{disk}")]
        return {match[1]: int(match[2]) for match in found if match}

    def total(self, name):
        return sum(self.counters(disk).get(name, 0) for disk in DISKS)

    def lives(self):
        return sum("uplink: ready in" in line for line in self.uplink.lines)

    def under_way(self):
        """Sent to the driver domain and not answered; `resent` are in `sent`."""
        every = [self.counters(disk) for disk in DISKS]
        return sum(c["sent"] - c.get("resent", 0) - c["answers"] for c in every)


@pytest.fixture(scope="module")
def scene(module_vms, module_machines, tmp_path_factory):
    return Scene(str(tmp_path_factory.mktemp("disks")), module_vms,
                 module_machines)


@pytest.mark.parametrize("disk", DISKS)
@pytest.mark.parametrize("depth", (1, 4, 16, 64))
def test_fio(scene, disk, depth):
    """Random writes of 4 KiB to 1 MiB, reads among them, all verified."""
    before = scene.counters(disk)
    for mib, options in ((MIB, ("--rw=randwrite", "--bsrange=4k-1m")),
                         (max(MIB // 32, 1), ("--rw=randrw", "--bs=4k"))):
        command = fio_command("sizes", disk, mib, *options, f"--iodepth={depth}")
        scene.client.run(f"cd /tmp && {command} 2>&1", 600)
    after = scene.counters(disk)
    assert after["written_bytes"] - before.get("written_bytes", 0) >= MIB << 20
    assert after.get("errors", 0) == before.get("errors", 0)


def kill(scene):
    """End the driver domain with that many requests under way, in all phases of
    fio's; how many were sent again."""
    answers = scene.total("answers")
    scene.machine.wait_for(lambda: scene.total("answers") > answers + PAUSE, 240,
                           f"{PAUSE} answers")
    scene.machine.wait_for(lambda: scene.under_way() > UNDER_WAY + MARGIN, 240,
                           f"{UNDER_WAY + MARGIN} requests under way")
    lives, before = scene.lives(), scene.total("resent")
    scene.machine.prompt("restart uplink")
    scene.machine.wait_for(lambda: scene.lives() > lives, 120,
                           "the driver domain did not come back")
    time.sleep(3)
    return scene.total("resent") - before


def test_killed(scene):
    """All three disks at once, 64 requests deep, some of them large."""
    scene.client.run("rm -f /tmp/stop")
    job = scene.client.start(
        "cd /tmp; n=0; until test -e stop; do n=$((n + 1)); for d in "
        + " ".join(DISKS) + "; do (" + fio_command(
            "killed", "$d", max(MIB // 4, 1), "--rw=randwrite", "--iodepth=64",
            "--bssplit=4k/95:64k/5", "--randseed=$n") + " >fio.$d 2>&1 || "
        "(echo bad $d; tail -n 3 fio.$d)) & done; wait; done; echo rounds $n")
    resent = [kill(scene) for _ in range(KILLS)]
    scene.client.run("touch /tmp/stop")
    output = job.wait(600).output
    print(f"sent again after each end: {resent}; {output}", flush=True)
    assert re.fullmatch(r"rounds [1-9]\d*", output)
    assert min(resent) > UNDER_WAY
    for disk in ("xvda", *DISKS):
        counters = scene.counters(disk)
        assert counters.get("errors", 0) == 0
        assert counters.get("breaches", 0) == 0
        assert counters["outages"] == KILLS
