# SPDX-License-Identifier: Apache-2.0
"""The bare-metal test guests: each exercises or attacks one interface."""
import glob
import os
import re

import pytest

import harness

FOLDER = os.path.join(harness.TOP, "tests", "guest")
NAMES = sorted(os.path.basename(path)[:-4]
               for path in glob.glob(os.path.join(FOLDER, "*.cfg")))
ATTACKERS = [name for name in ("evtchn", "grant", "hypercall", "netring",
                               "vgic", "xenstore") if name in NAMES]


# What the machine must have for them.
EXTRA = {"pci": ["-device", "edu,dma_mask=0xffffffffffff"]}


def configs(names):
    return [os.path.join(FOLDER, f"{name}.cfg") for name in names]


def assert_passes(guest, name, seconds=60):
    """Its last line tells how many of its cases passed and failed."""
    end = guest.wait_line(rf"END {name} (\d+) passed, (\d+) failed", seconds)
    failures = [line for line in guest.lines if line.startswith("FAIL ")]
    passed, failed = (int(end[1]), int(end[2]))
    assert failed == 0, failures
    assert passed > 0


@pytest.mark.parametrize("name", NAMES)
def test_alone(vms, machines, name):
    machine = machines.boot(vms.bundle(*configs([name])), ram=512,
                            extra=EXTRA.get(name, ()))
    assert_passes(machine.guest(name, 1), name)
    machine.wait_log(rf"{name} \(d1\) powered off")


def test_ram_of_others(vms, machines):
    """RAM that other VMs filled is zero for the next one."""
    machine = machines.boot(vms.bundle(*configs(["ram"])), ram=512)
    guest = machine.guest("ram", 1)
    for life in range(3):
        if life > 0:
            guest.lines.clear()
            machine.prompt("start ram")
        assert_passes(guest, "ram")
        machine.wait_for(lambda: any(re.search(r"\boff\b", line) for line in machine.prompt("list")), 20,
                         "it did not end")


def test_beside_others(vms, machines):
    """What they do to the hypervisor is nothing to the VMs beside them."""
    bundle = vms.bundle(vms.config("a", ip="10.0.0.2"),
                        vms.config("b", ip="10.0.0.3"), *configs(ATTACKERS))
    machine = machines.boot(bundle, ram=1024)
    a = machine.guest("a", 1).wait_ready()
    machine.guest("b", 2).wait_ready()
    for number, name in enumerate(ATTACKERS, 3):
        assert_passes(machine.guest(name, number), name, 120)
    text = a.run("ping -c 10 -i 0.1 -w 20 10.0.0.3").output
    assert re.search(r"10 packets received", text)
    assert not machine.panic
