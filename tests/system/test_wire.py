# SPDX-License-Identifier: Apache-2.0
"""The uplink with real hosts on its wire. These tests need root, for a tap
device in a network namespace."""
import contextlib
import json
import shutil
import subprocess
import time

import pytest

import harness
import wire
from test_uplink import UPLINK, uplink_config

pytestmark = pytest.mark.skipif(not wire.possible(), reason="needs root: tap "
                                "devices and network namespaces")

A, B = "10.1.0.2", "10.7.0.3"
HOST, HOST_7, HOST_6 = "10.1.0.1", "10.7.0.1", "fd00::1"
JUMBO = 9000
A_MAC, B_MAC = "00:16:3e:00:01:02", "00:16:3e:00:01:03"


class Lan:
    """A machine with guest a, untagged, and b in VLAN 7; the wire carries
    frames of 9000 bytes."""

    def __init__(self, vms, machines, nic):
        self.nic = nic
        self.wire = wire.Wire(JUMBO)
        self.wire.address(f"{HOST}/24")
        self.wire.address(f"{HOST_6}/64")
        try:
            self.wire.address(f"{HOST_7}/24", vlan=7)
            self.tagged = None
        except subprocess.CalledProcessError:
            self.tagged = wire.TaggedHost(self.wire, HOST_7, 7)
        self.machine = machines.boot(
            vms.bundle(uplink_config(vms, panic=1, vif=f", mtu={JUMBO}"),
                       vms.config("a", extra=f"mv.ip={A}/24",
                                  vif=[f"mac={A_MAC}"]),
                       vms.config("b", extra=f"mv.ip={B}/24",
                                  vif=[f"mac={B_MAC}, vlan=7"])),
            prefix=self.wire.enter, ram=1024, extra=self.wire.qemu(nic))
        self.uplink = self.machine.guest("uplink", UPLINK)
        self.uplink.wait_line("uplink: ready in", 90)
        self.a, self.b = (self.machine.guest(name, number).wait_ready()
                          for number, name in enumerate("ab", 2))
        self.a.run("ip addr add fd00::2/64 dev eth0")
        for guest, host in ((self.a, HOST), (self.b, HOST_7)):
            guest.run(f"for i in $(seq 60); do ping -c 1 -W 1 {host} && exit; "
                      "done; exit 1", 90)

    def counter(self, port, name):
        for line in self.machine.prompt(f"ports {port}"):
            words = line.split()
            if words[:1] == [name]:
                return int(words[1])
        return 0

    @contextlib.contextmanager
    def captured(self):
        """The frames that the card sends meanwhile."""
        capture = self.wire.capture()
        frames = []
        try:
            yield frames
        finally:
            frames += capture.stop()

    @contextlib.contextmanager
    def iperf_server(self):
        server = subprocess.Popen([*self.wire.enter, "iperf3", "-s",
                                   "--forceflush"],
                                  stdout=subprocess.PIPE, text=True,
                                  preexec_fn=harness.end_with_parent)
        try:
            while "listening" not in server.stdout.readline():
                assert server.poll() is None
            yield
        finally:
            server.kill()
            server.wait()
            server.stdout.close()


@pytest.fixture(scope="module", params=["virtio-net-pci", "e1000e"])
def lan(request, module_vms, module_machines):
    lan = Lan(module_vms, module_machines, request.param)
    yield lan
    lan.machine.stop()
    if lan.tagged:
        lan.tagged.stop()
    lan.wire.close()


def test_arp_and_ping(lan):
    """The host finds the guest by itself, too."""
    lan.wire.run("ip", "neigh", "flush", "dev", "wire")
    lan.wire.reach(A)
    assert A_MAC in lan.wire.run("ip", "neigh", "show", A)


def test_ipv6_neighbours(lan):
    lan.wire.reach("fd00::2")
    assert A_MAC in lan.wire.run("ip", "-6", "neigh", "show", "fd00::2")
    lan.a.run(f"ping -6 -c 3 -i 0.2 -w 20 {HOST_6}", 30)


def test_vlan_hosts(lan):
    """A tagged host and a guest that knows nothing of tags; nobody else."""
    with lan.captured() as frames:
        lan.b.run(f"ping -c 3 -i 0.2 -w 20 -s 1400 {HOST_7}", 30)
    assert sum(frame[12:16] == b"\x81\0\0\7" for frame in frames) >= 3
    if not lan.tagged:
        lan.wire.reach(B)
        assert B_MAC in lan.wire.run("ip", "neigh", "show", B)
    lan.a.run("ip addr add 10.7.0.9/24 dev eth0")
    assert lan.a.run(f"ping -c 1 -W 1 {HOST_7}", 20, check=False).status != 0
    lan.a.run("ip addr del 10.7.0.9/24 dev eth0")


def test_jumbo_frames(lan):
    lan.a.run(f"ip link set eth0 mtu {JUMBO}")
    with lan.captured() as frames:
        lan.a.run(f"ping -c 3 -i 0.2 -w 20 -s {JUMBO - 28} {HOST}", 30)
    assert max(map(len, frames)) == JUMBO + 14
    # Nothing larger gets out.
    before = lan.counter("vif1.0", "drop_rx_size")
    lan.a.run("ip link set eth0 mtu 9100")
    assert lan.a.run(f"ping -c 2 -i 0.1 -W 1 -s {9100 - 28} {HOST}", 20,
                     check=False).status != 0
    assert lan.counter("vif1.0", "drop_rx_size") >= before + 2
    lan.a.run("ip link set eth0 mtu 1500")


@pytest.mark.parametrize("name, host, options", [
    ("a", HOST, ""), ("a", HOST, "-R"), ("a", HOST, "-u -b 5M"),
    ("a", HOST_6, ""), ("b", HOST_7, ""), ("b", HOST_7, "-R")])
@pytest.mark.skipif(not shutil.which("iperf3"), reason="needs iperf3")
def test_iperf(lan, name, host, options):
    """What is on the wire is finished: checksums, and no frame too large."""
    if name == "b" and lan.tagged:
        pytest.skip("this machine's kernel has no VLAN devices")
    guest = getattr(lan, name)
    with lan.iperf_server(), lan.captured() as frames:
        text = guest.run(f"iperf3 -J -t 1 -c {host} {options}", 60).output
    end = json.loads(text)["end"]
    total = end.get("sum_received", end.get("sum"))
    assert total["bytes"] > 0
    checked = [wire.checksums(frame) for frame in frames]
    assert checked.count(False) == 0
    assert checked.count(True) > 50
    assert max(map(len, frames)) <= 1514 + (4 if name == "b" else 0)


def test_stolen_address(lan):
    """A frame from the wire with a guest's own address moves nothing."""
    before = lan.counter("vif1.0", "drop_spoof")
    raw = lan.wire.socket()
    mac = bytes.fromhex(A_MAC.replace(":", ""))
    for _ in range(10):
        raw.send(b"\xff" * 6 + mac + b"\x08\x06" + bytes(46))
    lan.wire.reach(A)
    raw.close()
    assert lan.counter("vif1.0", "drop_spoof") >= before + 10


def test_unknown_from_the_wire(lan):
    """Frames for hosts elsewhere reach no guest."""
    seen = lan.a.run("cat /sys/class/net/eth0/statistics/rx_packets").output
    raw = lan.wire.socket()
    for _ in range(500):
        raw.send(bytes.fromhex("020000000099" "020000000088" "88b6") + bytes(50))
    raw.close()
    now = lan.a.run("cat /sys/class/net/eth0/statistics/rx_packets").output
    assert int(now) - int(seen) < 50


def until_link_is_told(lan):
    """The driver domain reports once a second, the card's link needs some."""
    for _ in range(15):
        if any(line.endswith("  link up, 1000 Mbit/s")
               for line in lan.machine.prompt("ports")):
            return
        time.sleep(1)
    pytest.fail("the link isn't up, or not told")


@pytest.mark.parametrize("lan", ["e1000e"], indirect=True)
def test_restart(lan):
    """This card, too, works again after the driver domain's end."""
    assert f'driver = "{lan.nic}"' in "\n".join(lan.machine.prompt(
        f"xenstore-ls /local/domain/{UPLINK}/data/uplink/0"))
    until_link_is_told(lan)
    seen = len(lan.uplink.lines)
    lan.machine.prompt("restart uplink")
    lan.uplink.wait_line("uplink: ready in", 60, start=seen)
    lan.a.run(f"for i in $(seq 60); do ping -c 1 -W 1 {HOST} && exit; done; "
              "exit 1", 90)
