# SPDX-License-Identifier: Apache-2.0
"""Two hundred VMs come and go, asked for by mvctl: nothing is left of them.

MV_SOAK_CYCLES is how many instead of 200.
"""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))
from conftest import *  # noqa: E402,F401,F403
from conftest import GUESTS  # noqa: E402
import harness  # noqa: E402
from segment import Segment  # noqa: E402

CYCLES = int(os.environ.get("MV_SOAK_CYCLES", "200"))
UPLINK = os.path.join(harness.TOP, "guests", "driver-domain", "uplink.cfg")
# Kernels in turn: most VMs sleep until they are destroyed, others use rings,
# grants, events and XenStore, rightly and wrongly, and end themselves.
BUSY = {1: "netring", 3: "grant", 5: "xenstore", 7: "evtchn"}
HELD = ("xenstore_nodes", "xenstore_watches")


@pytest.fixture
def site(vms, machines, tmp_path):
    node = tmp_path / "node.cfg"
    node.write_text('name = "mv1"\nimage_quota = 16\n')
    bundle = harness.make_bundle(str(tmp_path / "boot.cpio"), UPLINK, node=str(node))
    with Segment() as segment:
        machine = machines.boot(bundle, ram=768, extra=segment.qemu())
        machine.wait_log("vif 0 connected", 90)
        yield segment, machine, vms


def held(segment, machine):
    """Memory to the byte, and counts."""
    counters = machine.counters()
    heap = [line for line in machine.prompt("memory") if "heap" in line]
    return {
        "memory": segment.ask("info")["info"]["memory_free_bytes"], "heap": heap,
        "ports": [port["name"] for port in segment.ask("ports")["ports"]],
        **{name: counters[name] for name in HELD},
    }


def cycle(segment, machine, vms, number):
    busy = BUSY.get(number % 8)
    name = f"vm{number}"
    kernel = f"bare/{busy}.img" if busy else "tiny.img"
    vifs = [f"mac=00:16:3e:02:{number % 256:02x}:{i:02x}" for i in (0, 1)]
    config = vms.config(name, memory=32, vcpus=2, kernel=kernel, ramdisk=None, vif=vifs,
                        on_crash="destroy")
    try:
        segment.mvctl("create", config)
    except harness.Failure as failure:
        # It may have ended before mvctl saw it run.
        if not busy or "gone already" not in str(failure):
            raise
    if busy:
        machine.guest(name, None).wait_line(f"END {busy} ", 60)
    else:
        segment.mvctl("destroy", "--wait", name)


def gone(segment):
    return [vm["name"] for vm in segment.ask("list")["vms"]] == ["uplink"]


def test_nothing_is_left(site):
    segment, machine, vms = site
    for number in range(8):                 # images are there, tables have their size
        cycle(segment, machine, vms, number)
    machine.wait_for(lambda: gone(segment), 30, "a VM stayed")
    before = held(segment, machine)
    for number in range(8, 8 + CYCLES):
        cycle(segment, machine, vms, number)
    machine.wait_for(lambda: gone(segment), 30, "a VM stayed")
    assert held(segment, machine) == before
    assert not machine.panic
