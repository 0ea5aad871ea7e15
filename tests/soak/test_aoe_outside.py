# SPDX-License-Identifier: Apache-2.0
"""A disk on an AoE server outside: from a guest through the hypervisor, the
driver domain and the wire's storage VLAN to a real vblade, and its file."""
import hashlib
import os
import re
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))
import aoe_target  # noqa: E402
from conftest import *  # noqa: E402,F401,F403
from test_uplink import uplink_config  # noqa: E402

pytestmark = pytest.mark.skipif(
    not aoe_target.possible(), reason="no namespaces, taps or vblade here")

DISK = 48               # MiB
MIB = 1 << 20


@pytest.fixture
def site(vms, machines):
    with aoe_target.AoeTarget(size=DISK * MIB, mtu=9000, vlan=100) as target:
        machine = machines.boot(
            vms.bundle("--storage", "vlan=100,mtu=9000",
                       uplink_config(vms, 1, ", mtu=9000"),
                       vms.config("a", memory=256, ip="10.0.0.2",
                                  ramdisk="storage.cpio.gz",
                                  disk=["vdev=xvda, target=aoe:1.1"])),
            ram=1024, extra=target.qemu())
        yield machine, machine.guest("a", 2).wait_ready(), target


def counter(machine, name):
    for line in machine.prompt("volumes a.xvda"):
        match = re.fullmatch(rf" +{name} +(\d+)", line)
        if match:
            return int(match[1])
    return 0


def file_sum(target, mib, at):
    with open(target.image, "rb") as file:
        file.seek(at * MIB)
        return hashlib.sha256(file.read(mib * MIB)).hexdigest()


def transfer(mib, at):
    """Random data to the disk and back; prints the sums."""
    return (f"dd if=/dev/urandom of=/tmp/x bs=1M count={mib} 2>/dev/null && "
            f"dd if=/tmp/x of=/dev/xvda bs=256k seek={at * 4} oflag=direct "
            "2>/dev/null && sync && "
            f"dd if=/dev/xvda bs=1M skip={at} count={mib} iflag=direct "
            "2>/dev/null | sha256sum && sha256sum </tmp/x")


def test_aoe_outside(site):
    """What the guest wrote is in the file; nothing is lost when the driver
    domain is restarted in the middle."""
    machine, a, target = site
    machine.wait_log(r"aoe:1\.1: 48 MiB, 1 paths, 64 buffers, 17 sectors", 60)
    sums = a.run(transfer(8, 0), 60).output.split()
    assert sums[0] == sums[2] == file_sum(target, 8, 0)
    job = a.start(transfer(24, 8))
    deadline = time.monotonic() + 60
    while counter(machine, "written_bytes") < 12 * MIB:
        assert time.monotonic() < deadline, "the writes did not begin"
    machine.prompt("restart uplink")
    machine.wait_log(r"aoe:1\.1 doesn't answer", 60)
    sums = job.wait(120).output.split()
    assert sums[0] == sums[2] == file_sum(target, 24, 8)
    assert counter(machine, "outages") == 1
    assert counter(machine, "errors") == 0
