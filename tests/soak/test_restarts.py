# SPDX-License-Identifier: Apache-2.0
"""A hundred lives of a driver domain, under traffic: nothing is left behind.

MV_SOAK_RESTARTS is how many instead of 100.
"""
import os
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))
from conftest import *  # noqa: E402,F401,F403
from test_uplink import Site  # noqa: E402

RESTARTS = int(os.environ.get("MV_SOAK_RESTARTS", "100"))
WAYS = ("reboot uplink", "restart uplink", "shutdown uplink", "restart uplink")
# What the hypervisor holds for its guests, by the names that it has for it.
HELD = ("domains", "event_channels", "pinned_pages", "grants_in_use",
        "free_pages", "xenstore_nodes", "xenstore_watches")


@pytest.fixture
def site(vms, machines):
    site = Site(vms, machines, panic=1)
    yield site
    site.outside.close()


def restart(site, command):
    readies = site.readies()
    site.machine.prompt(command)
    site.machine.wait_for(lambda: site.readies() > readies, 120,
                          "the driver domain did not come back")


def held(site):
    """Memory and counts, when all has come to rest."""
    time.sleep(3)
    counters = site.machine.counters()
    return {"memory": site.machine.prompt("memory"),
            "ports": len(site.machine.prompt("ports")),
            **{name: counters.get(name, 0) for name in HELD}}


def test_restarts(site):
    restart(site, "restart uplink")         # tables have their size now
    site.reached()
    before = held(site)
    traffic = site.a.start("ping -q -i 0.02 -c 10000000 10.0.2.2")
    for number in range(RESTARTS):
        restart(site, WAYS[number % len(WAYS)])
    site.reached()
    traffic.kill()
    after = held(site)
    print(f"after {RESTARTS} restarts: {after}")
    assert after == before
    assert (site.a.starts, site.b.starts) == (1, 1)
    assert not any("misuse" in line.text for line in site.machine.log_lines)
