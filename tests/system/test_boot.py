# SPDX-License-Identifier: Apache-2.0
"""The hypervisor on different machines: CPU models, CPUs, memory."""
import re

import pytest


def start_one(vms, machines, vcpus=1, **settings):
    """One guest without a network on such a machine."""
    bundle = vms.bundle(vms.config("a", vcpus=vcpus))
    machine = machines.boot(bundle, ram=1024, **settings)
    return machine, machine.guest("a", 1).wait_ready()


@pytest.mark.parametrize("cpu", ["cortex-a57", "cortex-a72", "neoverse-n1",
                                 "max"])
def test_cpu_model(vms, machines, cpu):
    machine, guest = start_one(vms, machines, cpu=cpu, cpus=2, vcpus=2)
    assert guest.run("nproc").output == "2"
    # Every feature that the guest believes in must work: a guest's own
    # libraries choose their code by them.
    assert guest.run("echo hello | sha256sum").output.startswith("5891b5b5")
    machine.wait_log(r"2 CPUs")


def test_parallel_cpus(vms, machines):
    """Two CPUs that really run at the same time."""
    machine, guest = start_one(vms, machines, cpus=2, vcpus=2, parallel=True)
    output = guest.run("for c in 1 2; do taskset $c sh -c 'n=0; while [ $n "
                       "-lt 5000 ]; do n=$((n + 1)); done; echo ok' & done; "
                       "wait", 60).output
    assert output.split() == ["ok", "ok"]


@pytest.mark.parametrize("cpus", [1, 3, 8])
def test_cpu_count(vms, machines, cpus):
    machine, guest = start_one(vms, machines, cpus=cpus, vcpus=4)
    machine.wait_log(rf"\b{cpus} CPUs?\b")
    assert guest.run("cat /sys/devices/system/cpu/online").output == "0-3"


def ram_of(machine):
    """What the hypervisor says about its memory, in MiB."""
    return int(machine.wait_log(r"(\d+) MiB RAM")[1])


@pytest.mark.parametrize("megabytes", [128, 65536])
def test_ram_size(machines, megabytes):
    # The host need not have that much: only touched pages count.
    machine = machines.boot(ram=megabytes, extra=[
        "-object", f"memory-backend-ram,id=ram,size={megabytes}M,reserve=off",
        "-machine", "memory-backend=ram"])
    assert megabytes * 0.9 <= ram_of(machine) <= megabytes
    assert machine.prompt("version")


def test_memory_banks(vms, machines):
    extra = []
    for node in range(4):
        extra += ["-object", f"memory-backend-ram,id=m{node},size=256M",
                  "-numa", f"node,memdev=m{node}"]
    bundle = vms.bundle(vms.config("a"), vms.config("b", memory=400))
    machine = machines.boot(bundle, ram=1024, extra=extra)
    assert 900 <= ram_of(machine) <= 1024
    for number, name in enumerate("ab", 1):
        machine.guest(name, number).wait_ready()


def test_big_guest(vms, machines):
    """A guest with more memory than fits below 4 GiB of its addresses."""
    bundle = vms.bundle(vms.config("a", memory=4096))
    machine = machines.boot(bundle, ram=6144)
    guest = machine.guest("a", 1).wait_ready()
    total = guest.run("grep MemTotal /proc/meminfo").output
    assert int(re.search(r"(\d+)", total)[1]) > 3800 * 1024
    # Use pages all over it.
    guest.run("mount -t tmpfs -o size=3500m t /mnt 2>/dev/null || "
              "mkdir -p /mnt && mount -t tmpfs -o size=3500m t /mnt; "
              "dd if=/dev/zero of=/mnt/f bs=1M count=3300 2>/dev/null && "
              "rm /mnt/f", 180)


def test_no_bundle(machines):
    """Without any VM the hypervisor tells so and has its prompt."""
    machine = machines.boot(ram=256)
    machine.wait_log(r"(?i)no VM|0 of 0")
    assert any("list" in line for line in machine.prompt("help"))


def test_earlycon(vms, machines):
    bundle = vms.bundle(vms.config("a", extra="earlycon=xenboot"))
    machine = machines.boot(bundle, ram=512)
    guest = machine.guest("a", 1)
    guest.wait_line(r"bootconsole \[xenboot0\] enabled", 60)
    guest.wait_ready()
