# SPDX-License-Identifier: Apache-2.0
"""Power cuts: the whole emulated machine and the AoE server are killed at random
moments, and what the guest was told is on the disk must be there.

guests/storage/blocks.c writes numbered blocks, calls fsync(), and says which were
flushed. After a cut each slot must hold a whole block, at least as new as the
newest that was flushed; only slots of rounds that were under way may be torn.

MV_SOAK_CUTS is the number of cuts instead of 20, of each kind.
"""
import os
import random
import re
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))
from aoe_target import AoeTarget  # noqa: E402
from conftest import *  # noqa: E402,F401,F403

CUTS = int(os.environ.get("MV_SOAK_CUTS", "20"))
VLAN = 100
SIZE = 64 << 20
SLOTS = 512             # 2 MiB
# Blocks after the newest that is known to be flushed: the rounds (32 blocks at
# most) that were under way, or flushed when the console was cut off.
UNDER_WAY = 128


class Disk:
    """An image file that a guest writes blocks to, life by life."""

    def __init__(self, vms, machines, image):
        self.machines, self.image = machines, image
        self.flushed = -1       # all blocks up to that one were
        self.random = random.Random(5)
        self.torn = self.beyond = 0     # of rounds under way
        self.cuts = 0
        with open(image, "wb") as file:
            file.truncate(SIZE)
        self.bundle = vms.bundle(
            "--storage", f"vlan={VLAN}",
            vms.config("uplink", memory=96, ramdisk="driver-domain.cpio.gz",
                       extra="quiet panic=1 cma=0",
                       vif=["mac=00:16:3e:00:00:01, uplink=1"],
                       mv_assign=["/pcie@10000000"]),
            vms.config("client", memory=192, vcpus=2, ip="10.0.0.3",
                       ramdisk="storage.cpio.gz", extra="quiet",
                       disk=["vdev=xvda, target=aoe:1.1"]))

    def life(self, prepare, path):
        """Boot, prepare, write until the power goes. What `prepare` printed."""
        with AoeTarget(image=self.image, vlan=VLAN,
                       options=("-b", "64", "-s")) as target:
            machine = self.machines.boot(self.bundle, ram=768,
                                         extra=target.qemu())
            try:
                client = machine.guest("client", 2).wait_ready(120)
                client.run("for i in $(seq 300); do test -b /dev/xvda && exit; "
                           "usleep 100000; done; exit 1", 60)
                printed = client.run(prepare, 120).output
                self.judge(printed)
                job = client.start(f"blocks write {path} {SLOTS} "
                                   f"{self.flushed + 1}")
                job.wait_line("flushed", 60)
                time.sleep(self.random.uniform(0, 3))
                target.stop()           # killed, and at once
                machine.stop()
                for line in job.lines:
                    match = re.fullmatch(r"flushed (\d+)", line)
                    assert match, line
                    self.flushed = int(match[1])
                self.cuts += 1
                print(f"{self.cuts} cuts, {self.flushed + 1} blocks flushed; of "
                      f"rounds under way {self.torn} torn, {self.beyond} there",
                      flush=True)
            finally:
                machine.stop()
                self.machines.machines.remove(machine)
        return printed

    def judge(self, text):
        """Does what `blocks check` found hold all that was flushed?"""
        slots = dict(re.findall(r"^slot (\d+) (\d+|torn)$", text, re.M))
        under_way = {n % SLOTS for n in range(self.flushed + 1,
                                              self.flushed + 1 + UNDER_WAY)}
        for slot in range(SLOTS):
            found = slots.get(str(slot))
            # The newest flushed block of the slot; negative: there is none.
            wanted = self.flushed - (self.flushed - slot) % SLOTS
            if found == "torn":
                assert slot in under_way, f"slot {slot}: torn"
                self.torn += 1
            elif found is None:
                assert wanted < 0, f"slot {slot}: empty, not {wanted}"
            elif int(found) != wanted:
                assert slot in under_way and int(found) == wanted + SLOTS, \
                    f"slot {slot}: {found}, not {wanted}"
                self.beyond += 1


@pytest.fixture
def disk(vms, machines, tmp_path):
    return Disk(vms, machines, str(tmp_path / "disk.img"))


def test_raw(disk):
    """Blocks on the bare disk."""
    for _ in range(CUTS):
        disk.life(f"blocks check /dev/xvda {SLOTS}", "/dev/xvda")
    disk.life(f"blocks check /dev/xvda {SLOTS}", "/dev/xvda")
    assert disk.flushed > CUTS


def test_ext4(disk):
    """Blocks in a file; after each cut the journal is replayed and the file
    system is whole."""
    subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", disk.image], check=True,
                   timeout=60)
    mount = ("mkdir -p /mnt && mount -t ext4 /dev/xvda /mnt && touch /mnt/f && "
             f"blocks check /mnt/f {SLOTS}")
    for _ in range(CUTS):
        disk.life(mount, "/mnt/f")
    disk.life(mount, "/mnt/f")
    # The last life replayed the journal; a cut came, so replay once more.
    done = subprocess.run(["/sbin/e2fsck", "-fy", disk.image], check=False,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1), done.stdout
    done = subprocess.run(["/sbin/e2fsck", "-fn", disk.image], check=False,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
