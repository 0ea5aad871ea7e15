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


def wait_gone(machine, name, timeout=40):
    deadline = time.monotonic() + timeout * harness.PATIENCE
    while state(machine, name) in ("running", "dying"):
        assert time.monotonic() < deadline, f"{name} still runs"
        time.sleep(0.5)


def wait_crashed(machine, name, timeout=40):
    """A crashed VM that is preserved stays in the list, not running."""
    deadline = time.monotonic() + timeout * harness.PATIENCE
    while state(machine, name) == "running":
        assert time.monotonic() < deadline, f"{name} still runs"
        time.sleep(0.5)


CRASH = "echo c >/proc/sysrq-trigger"


@pytest.fixture(scope="module")
def machine(module_vms, module_machines):
    vms = module_vms
    bundle = vms.bundle(
        vms.config("off", on_poweroff="destroy", extra="panic=1"),
        vms.config("again", on_poweroff="restart", on_reboot="restart",
                   on_crash="restart"),
        vms.config("once", on_reboot="destroy"),
        vms.config("kept", on_crash="preserve"),
        vms.config("witness", ip="10.0.0.9"))
    machine = module_machines.boot(bundle, ram=2048)
    for number, name in enumerate(
            ("off", "again", "once", "kept", "witness"), 1):
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
    wait_gone(machine, "off")


def test_reboot_destroys_if_told(machine):
    machine.guest("once", 3).start("reboot -f")
    wait_gone(machine, "once")
    assert machine.guest("once", 3).starts == 1


@pytest.mark.parametrize("command", ["reboot -f", "poweroff -f", CRASH])
def test_restarts(machine, command):
    guest = machine.guest("again", 2)
    starts = guest.starts
    guest.start(command)
    guest.wait_ready(120, starts + 1)
    assert guest.run("echo back").output == "back"


def test_crash_preserves(machine):
    machine.guest("kept", 4).start(CRASH)
    wait_crashed(machine, "kept")
    assert state(machine, "kept") is not None
    # Its last words can still be read.
    assert any("sysrq" in line.lower()
               for line in machine.prompt("console kept"))


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
