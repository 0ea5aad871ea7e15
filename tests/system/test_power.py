# SPDX-License-Identifier: Apache-2.0
"""Power-off, reboot and crash of guests, and what the policy makes of it."""
import time

import pytest

import harness


def state(machine, name):
    """The VM's line in the prompt's list, None if it is not there."""
    for line in machine.prompt("list"):
        words = line.split()
        if len(words) > 2 and words[-1] == name:
            return words[1]
    return None


def wait_not_running(machine, name, timeout=40):
    deadline = time.monotonic() + timeout * harness.PATIENCE
    while state(machine, name) in ("running", "dying"):
        assert time.monotonic() < deadline, f"{name} still runs"
        time.sleep(0.5)


# Linux on arm64 does not tell a hypervisor of its panic, but with "panic=1" it
# reboots then. tests/guest/crash.c does tell.
PANIC = "echo c >/proc/sysrq-trigger"
BARE_CRASH = {"kernel": "bare/crash.img", "ramdisk": None, "memory": 32}


@pytest.fixture(scope="module")
def machine(module_vms, module_machines):
    vms = module_vms
    bundle = vms.bundle(
        vms.config("off", on_poweroff="destroy"),
        vms.config("again", on_poweroff="restart", on_reboot="restart",
                   extra="panic=1"),
        vms.config("once", on_reboot="destroy"),
        vms.config("kept", on_crash="preserve", **BARE_CRASH),
        vms.config("witness", ip="10.0.0.9"),
        vms.config("gone", on_crash="destroy", **BARE_CRASH),
        vms.config("loop", on_crash="restart", **BARE_CRASH))
    machine = module_machines.boot(bundle, ram=2048)
    for number, name in ((1, "off"), (2, "again"), (3, "once"),
                         (5, "witness")):
        machine.guest(name, number).wait_ready(180)
    return machine


@pytest.fixture(autouse=True)
def others_live(machine):
    """Whatever happens to one guest, another one does not notice."""
    yield
    witness = machine.guest("witness", 5)
    assert witness.run("echo alive").output == "alive"
    assert witness.starts == 1


def test_poweroff_destroys(machine):
    machine.guest("off", 1).start("poweroff -f")
    wait_not_running(machine, "off")


def test_reboot_destroys_if_told(machine):
    machine.guest("once", 3).start("reboot -f")
    wait_not_running(machine, "once")
    assert machine.guest("once", 3).starts == 1


@pytest.mark.parametrize("command", ["reboot -f", "poweroff -f", PANIC])
def test_restarts(machine, command):
    guest = machine.guest("again", 2)
    starts = guest.starts
    guest.start(command)
    guest.wait_ready(120, starts + 1)
    assert guest.run("echo back").output == "back"


def test_crash_destroys(machine):
    wait_not_running(machine, "gone")


def test_crash_preserves(machine):
    wait_not_running(machine, "kept")
    assert state(machine, "kept") not in (None, "running")
    # Its last words can still be read.
    assert any("about to crash" in line
               for line in machine.prompt("console kept"))


def test_crash_restarts(machine):
    """A guest that always crashes is restarted, and harms nobody."""
    guest = machine.guest("loop", 7)
    machine.wait_for(lambda: sum("about to crash" in line
                                 for line in guest.lines) >= 3, 60,
                     "loop was not restarted twice")
    machine.prompt("destroy loop")
    wait_not_running(machine, "loop")


def test_shutdown_by_request(machine):
    """The prompt asks a guest by control/shutdown; it reboots itself."""
    guest = machine.guest("again", 2)
    starts = guest.starts
    # The kernel runs these programs when it is asked.
    guest.run("ls /sbin/reboot >/dev/null 2>&1 || "
              "(mkdir -p /sbin; printf '#!/bin/sh\\nexec reboot -f\\n' "
              ">/sbin/reboot; chmod +x /sbin/reboot)")
    machine.prompt("reboot again")
    guest.wait_ready(120, starts + 1)


def test_many_restarts_leak_nothing(machine):
    """Memory is what it was after more restarts."""
    guest = machine.guest("again", 2)

    def restart():
        starts = guest.starts
        machine.prompt("restart again")
        guest.wait_ready(120, starts + 1)
        time.sleep(1)
        return machine.prompt("memory")

    restart()
    before = restart()
    assert restart() == before
