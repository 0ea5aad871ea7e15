# SPDX-License-Identifier: Apache-2.0
"""What a flood of management frames costs two VMs that talk to each other.

The machine runs with -icount, so times are numbers of instructions. The flood
comes from a bare guest, by the uplink or forged by a VM, that has a CPU of its
own or shares the only one. It is compared with a flood from the same guest that
goes nowhere, so what is left is what management takes from others.
"""
import os
import re
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))
from conftest import *  # noqa: E402,F401,F403
import harness  # noqa: E402

NODE_MAC = "02:4d:56:00:00:99"
OWN_MAC = "00:16:3e:00:00:77"
LIMIT = 1.05
PING_PONG = "nt pp 10.0.0.3 7 18 4000"
TCP = "nt tsend 10.0.0.3 10 2 131072"


def figures(vms, machines, folder, cpus, uplink, flood, to):
    """Nanoseconds a round trip, and for each KiB of TCP, under a flood."""
    pinned = {"cpus": "0"} if cpus > 1 else {}
    names = [vms.config(name, memory=128, ip=ip, ramdisk="bench.cpio.gz",
                        extra="mv.agent", **pinned)
             for name, ip in (("a", "10.0.0.2"), ("b", "10.0.0.3"))]
    names.append(vms.config(
        "flood", memory=16, kernel="bare/flood.img", ramdisk=None,
        extra=f"flood={flood} flood_to={to.replace(':', '')}",
        vif=[f"mac={OWN_MAC}{', uplink=1, uplink_timeout=0' if uplink else ''}"],
        cpus=str(cpus - 1)))
    node = os.path.join(folder, "node.cfg")
    with open(node, "w", encoding="ascii") as out:
        out.write(f'name = "mv1"\nmac = "{NODE_MAC}"\n')
    bundle = harness.make_bundle(os.path.join(folder, "boot.cpio"), *names, node=node)
    machine = machines.boot(bundle, cpus=cpus, icount=True, ram=1024)
    a = machine.guest("a", 1).wait_ready(150)
    machine.guest("b", 2).wait_ready(150)
    machine.guest("flood", 3).wait_line("begins", 60)
    before = machine.counters()
    trip = re.search(r"avg=([\d.]+)", a.run(PING_PONG, 150).output)
    sent = dict(re.findall(r"(\w+)=([\d.]+)", a.run(TCP, 150).output))
    after = machine.counters()
    machine.stop()
    taken = {key: after[key] - before.get(key, 0) for key in after
             if key.startswith(("mgmt_", "drop_")) and after[key] != before.get(key, 0)}
    return float(trip[1]), float(sent["ns"]) / float(sent["bytes"]) * 1024, taken


@pytest.mark.parametrize("uplink", [True, False], ids=["uplink", "forged"])
@pytest.mark.parametrize("cpus", [2, 1])
def test_flood(vms, machines, tmp_path, cpus, uplink):
    calm = figures(vms, machines, str(tmp_path), cpus, uplink, "0800", OWN_MAC)
    flooded = figures(vms, machines, str(tmp_path), cpus, uplink, "88b5", NODE_MAC)
    print(f"{cpus} CPUs, {'uplink' if uplink else 'forged'}: {calm} -> {flooded}")
    counted = flooded[2]
    assert counted["mgmt_rx_frames" if uplink else "drop_mgmt"] > 1000
    # Three on one CPU: a ping-pong takes what it takes to get a turn.
    assert cpus == 1 or flooded[0] <= calm[0] * LIMIT
    assert flooded[1] <= calm[1] * LIMIT
