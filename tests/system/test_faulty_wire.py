# SPDX-License-Identifier: Apache-2.0
"""A disk whose server is outside, behind a driver domain and a bad wire; the long
version is tests/soak/test_disks.py."""
import re

import pytest

from aoe_target import AoeTarget
from faulty_wire import FaultyWire, disk_error, garbage

VLAN = 100
MIB = 2
READ = "dd if=/dev/xvda of=/dev/null bs=4k count=1 iflag=direct 2>&1 skip="


class Scene:
    def __init__(self, machine, client, wire, image):
        self.machine, self.client = machine, client
        self.wire, self.image = wire, image

    def counter(self, name):
        for line in self.machine.prompt("volumes client.xvda"):
            match = re.fullmatch(rf" +{name} +(\d+)", line)
            if match:
                return int(match[1])
        return 0

    def write_and_compare(self, seek):
        """Random data to the disk and back, and into the server's file."""
        sums = self.client.run(
            f"dd if=/dev/urandom of=/tmp/x bs=1M count={MIB} 2>/dev/null; "
            f"dd if=/tmp/x of=/dev/xvda bs=128k seek={seek * 8} oflag=direct "
            "2>/dev/null && "
            f"dd if=/dev/xvda bs=64k skip={seek * 16} count={MIB * 16} "
            "iflag=direct 2>/dev/null | sha256sum && sha256sum </tmp/x",
            120).output.split()
        assert sums[0] == sums[2]
        with open(self.image, "rb") as file:
            file.seek(seek << 20)
            assert any(file.read(MIB << 20))


@pytest.fixture(scope="module")
def scene(module_vms, module_machines):
    vms = module_vms
    bundle = vms.bundle(
        "--storage", f"vlan={VLAN}",
        vms.config("uplink", memory=96, ramdisk="driver-domain.cpio.gz",
                   extra="quiet panic=1 cma=0",
                   vif=["mac=00:16:3e:00:00:01, uplink=1"],
                   mv_assign=["/pcie@10000000"]),
        vms.config("client", memory=192, ip="10.0.0.3",
                   ramdisk="storage.cpio.gz", extra="quiet",
                   disk=["vdev=xvda, target=aoe:1.1"]))
    with AoeTarget(vlan=VLAN) as target, FaultyWire(target) as wire:
        machine = module_machines.boot(bundle, ram=768, extra=wire.qemu())
        client = machine.guest("client", 2).wait_ready()
        client.run("for i in $(seq 300); do test -b /dev/xvda && exit; "
                   "usleep 100000; done; exit 1", 60)
        yield Scene(machine, client, wire, target.image)


def test_loss_and_order(scene):
    scene.wire.loss, scene.wire.double, scene.wire.reorder = 0.03, 0.03, 0.05
    scene.write_and_compare(0)
    scene.wire.mend()
    assert scene.counter("resent") > 0
    assert scene.counter("errors") == 0


def test_garbage(scene):
    """Nonsense in a third of the answers may fail requests, and nothing else."""
    scene.wire.change = garbage(0.33)
    scene.client.run("dd if=/dev/xvda of=/dev/null bs=64k count=8 iflag=direct 2>&1",
                     120, check=False)
    scene.wire.mend()
    assert scene.wire.changed > 50
    scene.write_and_compare(8)


def test_disk_error(scene):
    """A bad sector: requests for it fail, others don't."""
    scene.wire.change = disk_error(4096 * 8, 4096 * 8 + 7)
    before = scene.counter("errors")
    done = scene.client.run(READ + "4096", 60, check=False)
    assert done.status != 0 and "Input/output error" in done.output
    scene.client.run(READ + "4095", 60)
    scene.wire.mend()
    scene.client.run(READ + "4096", 60)
    assert scene.counter("errors") > before
