# SPDX-License-Identifier: Apache-2.0
"""netback and the switch as unmodified guests use them."""
import contextlib
import re

import pytest

# A frame has at most 65535 bytes on the wire (XEN_NETIF_MAX_TX_SIZE).
LARGEST_PAYLOAD = 65535 - 14 - 20 - 8


@pytest.fixture(scope="module")
def pair(module_vms, module_machines):
    vms = module_vms
    bundle = vms.bundle(vms.config("a", ip="10.0.0.2", vcpus=2),
                        vms.config("b", ip="10.0.0.3", vcpus=1))
    machine = module_machines.boot(bundle, ram=1024)
    return [machine.guest(name, number).wait_ready()
            for number, name in enumerate("ab", 1)]


def ping(guest, address, size=56, count=3):
    guest.run(f"ping -c {count} -i 0.2 -w 20 -s {size} {address}", 40)


@contextlib.contextmanager
def iperf_server(guest):
    server = guest.start("iperf3 -s --forceflush")
    try:
        server.wait_line("listening")
        yield
    finally:
        server.kill()
        server.wait(check=False)


def iperf(guest, options):
    output = guest.run(f"iperf3 -t 2 {options}", 60).output
    match = re.search(r"([\d.]+) [KMG]?bits/sec +receiver", output)
    assert match and float(match[1]) > 0, output


def test_ping(pair):
    a, b = pair
    ping(a, "10.0.0.3")
    ping(b, "10.0.0.2")


def test_features(pair):
    """What netfront found in the backend's directory."""
    a, _ = pair
    domid = a.run("xenstore-read domid").output
    back = a.run("xenstore-read device/vif/0/backend").output
    tree = a.run(f"xenstore-ls {back}").output
    for key in ("feature-sg", "feature-gso-tcpv4", "feature-gso-tcpv6",
                "feature-rx-copy", "feature-split-event-channels"):
        assert f'{key} = "1"' in tree, key
    assert f'frontend-id = "{domid}"' in tree
    assert 'state = "4"' in tree


def test_queues(pair):
    """One queue a CPU."""
    for guest, cpus in zip(pair, (2, 1)):
        queues = guest.run("ls -d /sys/class/net/eth0/queues/tx-*").output
        assert len(queues.split()) == cpus


@pytest.mark.parametrize("mtu", [9000, 65535, 1500])
def test_mtu(pair, mtu):
    for guest in pair:
        guest.run(f"ip link set eth0 mtu {mtu}")
    size = min(mtu - 28, LARGEST_PAYLOAD)
    ping(pair[0], "10.0.0.3", size)
    ping(pair[1], "10.0.0.2", size)


def test_fragments(pair):
    """Datagrams far above the MTU."""
    ping(pair[0], "10.0.0.3", 60000)


def test_module_reload(pair):
    a, b = pair
    with iperf_server(b):
        for _ in range(3):
            # A module can't go while its driver has a device.
            a.run("echo vif-0 >/sys/bus/xen/drivers/vif/unbind && "
                  "rmmod xen_netfront && ! ip link show eth0 2>/dev/null && "
                  "insmod /lib/modules/xen-netfront.ko", 60)
            a.run("for i in $(seq 100); do ip link show eth0 >/dev/null 2>&1 "
                  "&& break; usleep 100000; done; "
                  "ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up", 30)
            ping(a, "10.0.0.3")
        iperf(a, "-c 10.0.0.3")


def test_tcp_ipv6(pair):
    a, b = pair
    address = re.search(r"inet6 (fe80::\S+)/", b.run(
        "ip -6 addr show dev eth0").output)[1]
    with iperf_server(b):
        iperf(a, f"-6 -c {address}%eth0")


def test_corrupts_nothing(pair):
    """TCP over sizes that do not fit slots, compared byte by byte."""
    a, b = pair
    a.run("rm -f /tmp/x*; for n in 1 59 1447 1449 4095 4097 65535 70001 "
          "3000000; do head -c $n /dev/urandom >/tmp/x$n; done")
    server = a.start("httpd -f -p 8080 -h /tmp")
    a.run("for i in $(seq 100); do netstat -ltn | grep -q :8080 && exit; "
          "usleep 100000; done; exit 1", 30)
    sums = a.run("cd /tmp; sha256sum x*", 30).output
    got = b.run("cd /tmp; for n in 1 59 1447 1449 4095 4097 65535 70001 "
                "3000000; do wget -q http://10.0.0.2:8080/x$n || exit; done; "
                "sha256sum x*; rm x*", 60).output
    server.kill()
    assert sums == got


def test_xenstore_sees_no_other(pair):
    """A guest can't read another's or change its own identity."""
    a, _ = pair
    other = "/local/domain/2/device"
    assert a.run(f"xenstore-ls {other}", check=False).status != 0
    assert a.run("xenstore-write domid 7", check=False).status != 0
    assert a.run("xenstore-write name evil", check=False).status != 0


def test_xenstore_tools(pair):
    a, _ = pair
    a.run("xenstore-write data/one 1 data/two 2")
    assert a.run("xenstore-read data/one data/two").output == "1\n2"
    assert a.run("xenstore-list data").output.split() == ["one", "two"]
    a.run("xenstore-exists data/one")
    a.run("xenstore-chmod data/one n1 r2")
    assert a.run("xenstore-chmod data/one n2", check=False).status != 0
    assert "data/one" not in a.run("xenstore-rm data/one; "
                                   "xenstore-list data").output
    watch = a.start("xenstore-watch -n 2 data/two")
    watch.wait_line("data/two")
    a.run("xenstore-write data/two changed")
    watch.wait(20)


@pytest.fixture(scope="module")
def apart(module_vms, module_machines):
    """Two guests in VLAN 10 and one outside."""
    vms = module_vms
    bundle = vms.bundle(vms.config("c", ip="10.0.0.4", vif_more="vlan=10"),
                        vms.config("d", ip="10.0.0.5", vif_more="vlan=10"),
                        vms.config("e", ip="10.0.0.6"))
    machine = module_machines.boot(bundle, ram=1024)
    return [machine.guest(name, number).wait_ready()
            for number, name in enumerate("cde", 1)]


def test_vlan(apart):
    c, d, e = apart
    ping(c, "10.0.0.5")
    for guest, address in ((c, "10.0.0.6"), (e, "10.0.0.5")):
        assert "100% packet loss" in guest.run(
            f"ping -c 2 -w 3 {address}", check=False).output
    ping(d, "10.0.0.4")


def test_spoofing(apart):
    """A guest that takes another address is heard by nobody, and counted."""
    c = apart[0]
    before = c.machine.counters().get("drop_spoof", 0)
    c.run("ip link set eth0 down && "
          "ip link set eth0 address 00:16:3e:00:01:99 && "
          "ip link set eth0 up")
    assert "100% packet loss" in c.run("ping -c 2 -w 3 10.0.0.5",
                                       check=False).output
    assert c.machine.counters()["drop_spoof"] > before
    c.run("ip link set eth0 down && "
          "ip link set eth0 address 00:16:3e:00:01:04 && "
          "ip link set eth0 up")
    ping(c, "10.0.0.5")
