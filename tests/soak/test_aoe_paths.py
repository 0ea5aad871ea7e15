# SPDX-License-Identifier: Apache-2.0
"""Two ways to one target, a real vblade on each, and a limit on requests."""
import os
import re
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))

from conftest import *  # noqa: E402,F401,F403
from test_blk import DISK, Scene  # noqa: E402

LIMIT = 400             # requests a second


@pytest.fixture
def scene(vms, machines):
    """One CPU, counted in instructions. The second disk is limited."""
    storage = "mac=00:16:3e:00:09:0{},vlan=100"
    machine = machines.boot(vms.bundle(
        "--storage", "vlan=100,mtu=9000",
        vms.config("server", memory=320, ramdisk="storage.cpio.gz",
                   extra="mv.ip=10.0.9.2/24 mv.mtu=9000",
                   vif=[storage.format(2), storage.format(3)]),
        vms.config("client", memory=256, ip="10.0.0.3",
                   ramdisk="storage.cpio.gz",
                   disk=["vdev=xvda, format=raw, access=rw, target=aoe:1.2",
                         "vdev=xvdb, format=raw, access=rw, target=aoe:1.3, "
                         f"iops={LIMIT}"])),
        cpus=1, ram=1024, icount=True)
    server, client = [machine.guest(name, number).wait_ready(200)
                      for number, name in enumerate(("server", "client"), 1)]
    server.run(f"dd if=/dev/zero of=/tmp/disk bs=1M count={DISK} && "
               "dd if=/dev/zero of=/tmp/limited bs=1M count=8 && "
               "ip link set eth1 mtu 9000 up")
    blades = [server.start(f"vblade -b 64 1 {slot} {nic} /tmp/{name}")
              for slot, nic, name in ((2, "eth0", "disk"), (2, "eth1", "disk"),
                                      (3, "eth0", "limited"))]
    for blade in blades:
        blade.wait_line(r"pid|e1\.\d|sectors", 30)
    scene = Scene(machine, server, client)
    scene.blades = blades
    client.run("for i in $(seq 300); do test -b /dev/xvda -a -b /dev/xvdb && "
               "exit; usleep 100000; done; exit 1", 60)
    return scene


def sent(scene):
    """Frames of the storage network that each of the server's vifs got."""
    return [int(re.search(r"rx_frames +(\d+)", "\n".join(
        scene.machine.prompt(f"ports vif1.{number}")))[1]) for number in (0, 1)]


def test_paths(scene):
    """Both ways are used; when one is gone the other has it all."""
    # It looks for more of them each 10 s.
    scene.client.run("sleep 11")
    before = sent(scene)
    scene.write_and_compare(8)
    both = [now - then for now, then in zip(sent(scene), before)]
    assert min(both) > max(both) / 2 > 100
    scene.blades[1].kill()
    scene.blades[1].wait(check=False)
    scene.write_and_compare(8, seek=16)
    before = sent(scene)
    scene.write_and_compare(8, seek=32)
    one = [now - then for now, then in zip(sent(scene), before)]
    assert one[0] > 20 * max(one[1], 1)
    assert scene.counter("errors") == 0


def test_limit(scene):
    """By the guest's clock; bursts of 0.1 s pass."""
    took = int(scene.client.run(
        "t() { cut -d' ' -f1 /proc/uptime | tr -d .; }; a=$(t); "
        "dd if=/dev/zero of=/dev/xvdb bs=4k count=1600 oflag=direct "
        "2>/dev/null; echo $(($(t) - a))", 60).output)
    assert 100 * (1600 / LIMIT - 0.2) < took < 100 * (1600 / LIMIT + 0.5)
    print(f"1600 requests in {took / 100} s")
    assert int(re.search(r"throttled +(\d+)", "\n".join(
        scene.machine.prompt("volumes client.xvdb")))[1]) > 100
