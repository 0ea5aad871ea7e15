# SPDX-License-Identifier: Apache-2.0
"""Thirty lives of a driver domain while a guest writes to its disks: every byte
arrives, and nothing is left behind.

MV_SOAK_RESTARTS is how many instead of 30.
"""
import os
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))
from conftest import *  # noqa: E402,F401,F403
from test_dd_disk import MIB, Scene, sha  # noqa: E402

RESTARTS = int(os.environ.get("MV_SOAK_RESTARTS", "30"))
HELD = ("xenstore_nodes", "xenstore_watches")
DISKS = {"xvda": "nvme", "xvdd": "sata"}
# Rounds of new data to both disks, until the file "stop" is there.
LOAD = ("n=0; until test -e /tmp/stop; do n=$((n + 1)); "
        "dd if=/dev/urandom of=/tmp/z bs=1M count=8 2>/dev/null; "
        "for d in xvda xvdd; do (dd if=/tmp/z of=/dev/$d bs=64k seek=16 "
        "oflag=direct 2>/dev/null || echo bad) & done; wait; "
        "for d in xvda xvdd; do dd if=/dev/$d bs=128k skip=8 count=64 "
        "iflag=direct 2>/dev/null | cmp - /tmp/z || echo differs; done; done; "
        "echo rounds $n; sha256sum </tmp/z")


@pytest.fixture
def scene(vms, machines):
    return Scene(vms.folder).boot(vms, machines)


def lives(scene):
    return sum("uplink: ready in" in line for line in scene.uplink.lines)


def restart(scene):
    before = lives(scene)
    scene.machine.prompt("restart uplink")
    scene.machine.wait_for(lambda: lives(scene) > before, 120,
                           "the driver domain did not come back")


def held(scene):
    """Where the domain gives pages back, and so its tables, is its choice."""
    time.sleep(5)
    counters = scene.machine.counters()
    return ([line for line in scene.machine.prompt("memory")
             if "tables" not in line], [counters[name] for name in HELD])


def test_restarts(scene):
    for disk in DISKS:
        scene.wait_disk(disk)
    job = scene.guest.start(LOAD)
    time.sleep(10)
    restart(scene)              # tables have their size now
    before = held(scene)
    for _ in range(RESTARTS):
        restart(scene)
        time.sleep(2)
    after = held(scene)
    scene.guest.run("touch /tmp/stop")
    lines = job.wait(300).output.splitlines()
    assert lines[0].startswith("rounds ") and int(lines[0].split()[1]) > 1
    for disk, name in DISKS.items():
        assert sha(scene.on_disk(name, MIB, 8 * MIB)) == lines[1].split()[0]
        assert scene.counter(disk, "errors") == 0
        assert scene.counter(disk, "breaches") == 0
    assert after == before
