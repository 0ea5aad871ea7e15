# SPDX-License-Identifier: Apache-2.0
"""The transport eth: on a pair of interfaces in a network namespace of its own."""

import os
import subprocess
import sys

import pytest

from segment import MVCTL

# Runs in the namespace: the pair's other end is joined to the hub.
RELAY = r"""
import os, selectors, socket, subprocess, sys
subprocess.run("ip link add v0 type veth peer name v1 && ip link set v0 up && "
               "ip link set v1 up", shell=True, check=True)
subprocess.run("ip link add link v0 name v0.7 type vlan id 7 && ip link set v0.7 up", shell=True,
               check=False, capture_output=True)
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind(("v1", 0))
wire.setsockopt(263, 8, 1)              # PACKET_AUXDATA: VLAN tags
hub = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
hub.bind("relay")
hub.connect("hub")
hub.send(bytes(60))
run = subprocess.Popen(sys.argv[1:])
both = selectors.DefaultSelector()
both.register(wire, selectors.EVENT_READ)
both.register(hub, selectors.EVENT_READ)
while run.poll() is None:
    for key, _ in both.select(0.1):
        if key.fileobj is hub:
            wire.send(hub.recv(65536))
            continue
        frame, aux, _, where = wire.recvmsg(65536, 100)
        if where[2] == socket.PACKET_OUTGOING:
            continue
        for level, kind, data in aux:
            tag = int.from_bytes(data[16:18], sys.byteorder)
            if data[0] & 0x10:          # TP_STATUS_VLAN_VALID
                frame = frame[:12] + b"\x81\0" + tag.to_bytes(2, "big") + frame[12:]
        hub.send(frame)
sys.exit(run.returncode)
"""


def works(*links):
    """Whether a namespace can have these interfaces on this kernel."""
    script = " && ".join(f"ip link add {link}" for link in links)
    return subprocess.run(["unshare", "-rn", "sh", "-c", script], capture_output=True,
                          check=False).returncode == 0


PAIR = "v0 type veth peer name v1"
pytestmark = pytest.mark.skipif(not works(PAIR), reason="no network namespaces here")


def over_ethernet(segment, interface, *args):
    env = {**segment.env, "MVCTL_TRANSPORT": f"eth:{interface}"}
    run = subprocess.run(["unshare", "-rn", sys.executable, "-c", RELAY, str(MVCTL), *args],
                         cwd=segment.path, env=env, text=True, capture_output=True, timeout=60,
                         check=False)
    if os.path.exists(segment.path / "relay"):
        os.unlink(segment.path / "relay")
    return run


def test_ethernet(segment):
    segment.start()
    run = over_ethernet(segment, "v0", "create", segment.cfg("web"))
    assert run.returncode == 0, run.stderr
    assert "web: id 1, running" in run.stdout
    assert "web" in segment.vms()
    assert "web" in over_ethernet(segment, "v0", "list").stdout


@pytest.mark.skipif(not works(PAIR, "link v0 name v0.7 type vlan id 7"),
                    reason="this kernel has no VLANs")
def test_vlan_interface(segment):
    segment.start(nodes=(("node-1", "vlan=7"),))
    run = over_ethernet(segment, "v0.7", "info")
    assert run.returncode == 0, run.stderr
    assert "node-1" in run.stdout
    assert over_ethernet(segment, "v0", "--timeout", "1", "info").returncode == 3


def test_vlan_option(segment):
    segment.start(nodes=())
    run = over_ethernet(segment, "v0", "--vlan", "7", "info")
    assert run.returncode == 1
    assert "name its own interface" in run.stderr


def test_no_privilege(segment):
    run = subprocess.run(["unshare", "-rn", "setpriv", "--bounding-set=-net_raw",
                          "--inh-caps=-net_raw", str(MVCTL), "-t", "eth:lo", "list"], text=True,
                         capture_output=True, timeout=20, check=False)
    assert run.returncode == 1
    assert "CAP_NET_RAW" in run.stderr
