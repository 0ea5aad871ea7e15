# SPDX-License-Identifier: Apache-2.0
"""A VM of 16 GiB comes and goes, and nobody beside it stands still for it.

The one CPU runs with -icount, so times are numbers of instructions. MV_SOAK_LARGE
is the VM's memory in MiB; QEMU needs that much for itself.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))
from conftest import *  # noqa: E402,F401,F403
import harness  # noqa: E402

MEMORY = int(os.environ.get("MV_SOAK_LARGE", "16384"))
LIMIT_US = 1000
PERIOD_US = 20000


def test_nobody_waits(vms, machines):
    watcher = vms.config("stall", memory=16, kernel="bare/stall.img",
                         ramdisk=None, extra="periods=100000")
    large = vms.config("large", memory=MEMORY, kernel="tiny.img", ramdisk=None)
    machine = machines.boot(vms.bundle(watcher, large), cpus=1, icount=True,
                            ram=MEMORY + 1024)
    guest = machine.guest("stall", 1)

    def periods(count):
        start = len(guest.lines)
        machine.wait_for(lambda: len(guest.lines) >= start + count, 120,
                         "the watching guest stopped")

    machine.wait_log(r"large \(d2\) started", 200)
    periods(2)
    free = machine.prompt("memory")
    before = len(guest.lines)
    machine.prompt("destroy large")
    machine.wait_for(lambda: machine.prompt("memory") != free, 60,
                     "its memory was not given back")
    periods(5)
    machine.prompt("start large")
    machine.wait_for(lambda: len([line for line in machine.log_lines if re.search(
        r"large \(d\d+\) started", line.text)]) == 2, 200, "it did not start again")
    periods(2)
    gaps = [int(line.split()[1]) for line in guest.lines[1:] if line.startswith("longest")]
    print(f"longest stop of the other VM: {max(gaps)} us in {len(gaps)} periods, "
          f"{max(gaps[before:])} us from the end of the large one on")
    assert max(gaps) <= LIMIT_US
