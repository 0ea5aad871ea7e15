# SPDX-License-Identifier: Apache-2.0
"""SMP guests and the scheduler."""
import re
import time

import pytest

SPIN = "sh -c 'while :; do :; done'"


def test_eight_vcpus_on_two_cpus(vms, machines):
    machine = machines.boot(vms.bundle(vms.config("a", vcpus=8, memory=256)),
                            ram=1024, cpus=2)
    guest = machine.guest("a", 1).wait_ready()
    assert guest.run("cat /sys/devices/system/cpu/online").output == "0-7"
    # All of them work at the same time, and time goes on for each.
    output = guest.run(
        "for c in 0 1 2 3 4 5 6 7; do taskset $(printf %x $((1 << c))) sh -c "
        "'n=0; while [ $n -lt 5000 ]; do n=$((n + 1)); done; echo ok' & done; "
        "wait", 90).output
    assert output.split() == ["ok"] * 8
    # A CPU goes off and comes back by PSCI.
    guest.run("echo 0 >/sys/devices/system/cpu/cpu5/online")
    assert guest.run("cat /sys/devices/system/cpu/online").output == "0-4,6-7"
    guest.run("echo 1 >/sys/devices/system/cpu/cpu5/online", 60)
    assert guest.run("cat /sys/devices/system/cpu/online").output == "0-7"


def cpu_seconds(machine):
    """{name: CPU time} from the prompt's list."""
    times = {}
    for line in machine.prompt("list"):
        match = re.search(r" MiB +\d+ +([\d.]+) +(\S+)$", line)
        if match:
            times[match[2]] = float(match[1])
    return times


def shares(vms, machines, **settings):
    """How much CPU two guests got in a few seconds in which both wanted all
    of the only CPU; settings are those of guest b. The machine's time is that
    of its instructions: it doesn't matter who else uses this machine's CPUs."""
    bundle = vms.bundle(vms.config("a"), vms.config("b", **settings))
    machine = machines.boot(bundle, ram=1024, cpus=1, icount=True)
    guests = [machine.guest(name, number).wait_ready()
              for number, name in enumerate("ab", 1)]
    for guest in guests:
        guest.start(SPIN)
    time.sleep(2)
    before = cpu_seconds(machine)
    time.sleep(8)
    after = cpu_seconds(machine)
    return [after[name] - before[name] for name in "ab"]


def test_equal_weights(vms, machines):
    a, b = shares(vms, machines)
    assert a == pytest.approx(b, rel=0.1)


def test_double_weight(vms, machines):
    a, b = shares(vms, machines, cpu_weight=512)
    assert b / a == pytest.approx(2, rel=0.15)


def test_cap(vms, machines):
    a, b = shares(vms, machines, cap=25)
    assert b / (a + b) == pytest.approx(0.25, abs=0.05)


def test_two_guests_share_eight_vcpus(vms, machines):
    """More vCPUs than CPUs: everybody still gets on."""
    bundle = vms.bundle(*(vms.config(name, vcpus=4, memory=192)
                          for name in "abc"))
    machine = machines.boot(bundle, ram=1024, cpus=2)
    guests = [machine.guest(name, number).wait_ready(120)
              for number, name in enumerate("abc", 1)]
    jobs = [guest.start("for c in 1 2 3 4; do " + SPIN + " & done; sleep 4; "
                        "echo done") for guest in guests]
    for job in jobs:
        assert job.wait(60).output == "done"
