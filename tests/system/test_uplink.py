# SPDX-License-Identifier: Apache-2.0
"""A driver domain carries the switch to a network card: what it is like, and
what its death in any form costs the other guests: nothing."""
import re
import time

import pytest

import wire
from outside import GATEWAY, Outside

UPLINK = 1
SYSRQ = "\x0f"          # on the console, before the key
BOOT_S = 60             # within that it is back, at the latest
STREAM_S = 7            # longer than it is away, if nothing is slow
HANG_S = 2
FILE = 4 << 20


def uplink_config(vms, panic, vif="", model="virtio-net", words=""):
    return vms.config(
        "uplink", memory=96, ramdisk="driver-domain.cpio.gz",
        extra=f"quiet cma=0 sysrq_always_enabled=1 panic={panic} {words}",
        vif=[f"mac=00:16:3e:00:00:01, uplink=1, model={model}{vif}"],
        mv_assign=["/pcie@10000000"], mv_watchdog=60, on_poweroff="restart",
        on_crash="restart")


class Site:
    """A driver domain, guests a and b, and the world outside."""

    def __init__(self, vms, machines, panic, nic="virtio-net-pci", vif="",
                 model="virtio-net", words=""):
        self.outside = Outside(FILE)
        self.machine = machines.boot(
            vms.bundle(uplink_config(vms, panic, vif, model, words),
                       vms.config("a", ip="10.0.0.2"),
                       vms.config("b", ip="10.0.0.3")),
            ram=1024, extra=self.outside.qemu(nic))
        self.uplink = self.machine.guest("uplink", UPLINK)
        self.a, self.b = (self.machine.guest(name, number).wait_ready()
                          for number, name in enumerate("ab", 2))
        self.ready = self.uplink.wait_line(r"uplink: ready in (\d+) ms, (\d+) "
                                           r"MiB used of (\d+)", BOOT_S)
        self.address = {name: self.lease(guest) for name, guest in
                        (("a", self.a), ("b", self.b))}

    @staticmethod
    def lease(guest):
        text = guest.run("udhcpc -n -q -t 20 -T 1 -i eth0 "
                         "-s /etc/udhcpc-script 2>&1", 60).output
        return re.search(r"lease of ([\d.]+) obtained", text)[1]

    def readies(self):
        return sum("uplink: ready in" in line for line in self.uplink.lines)

    def report(self, key):
        """What the driver domain says of itself in XenStore."""
        for line in self.machine.prompt(
                f"xenstore-ls /local/domain/{UPLINK}/data/uplink/0"):
            match = re.fullmatch(rf' *{key} = "(.*)"', line)
            if match:
                return match[1]
        return None

    def port(self, name):
        """The counters of one of the switch's ports."""
        return {match[1]: int(match[2]) for match in
                (re.fullmatch(r" *(\w+) +(\d+)", line)
                 for line in self.machine.prompt(f"ports {name}")) if match}

    def reached(self, guest=None, timeout=60):
        """Wait until the world outside answers a, or `guest`."""
        (guest or self.a).run(
            "for i in $(seq 200); do ping -c 1 -W 1 -q "
            f"{GATEWAY} >/dev/null && exit; done; exit 1", timeout)


@pytest.fixture(scope="module")
def site(module_vms, module_machines):
    """Its kernel reboots when it panics."""
    site = Site(module_vms, module_machines, panic=1)
    yield site
    site.outside.close()


def test_small_and_soon(site):
    """It lives in 96 MiB with room to spare."""
    assert int(site.ready[3]) == 96
    assert int(site.ready[2]) < 64


def test_addresses_from_outside(site):
    assert set(site.address.values()) == {"10.0.2.15", "10.0.2.16"}
    for guest in (site.a, site.b):
        guest.run(f"ping -c 3 -i 0.2 -w 20 {GATEWAY}", 30)


def test_reports(site):
    site.machine.wait_log(f"d{UPLINK}: vif 0 connected")
    assert site.report("driver") == "virtio_net"
    assert site.report("link") == "up"
    assert any(line.startswith("vif1.0 ") and line.endswith("  link up")
               for line in site.machine.prompt("ports"))
    assert re.fullmatch(r"0000:00:[\da-f]{2}\.\d", site.report("nic"))
    before = int(site.report("tx-packets"))
    site.a.run(f"ping -c 10 -i 0.02 -w 20 {GATEWAY}", 30)
    for _ in range(20):                     # it reports once a second
        time.sleep(0.3)
        if int(site.report("tx-packets")) >= before + 10:
            return
    pytest.fail("its packets are not reported")


def test_other_guests_cannot_write_reports(site):
    assert site.a.run(f"xenstore-write /local/domain/{UPLINK}/data/uplink/0/"
                      "link up", check=False).status != 0


def test_files_both_ways(site):
    site.a.run(f"wget -q -O /tmp/file {site.outside.url}", 60)
    assert site.a.run("sha256sum </tmp/file").output.split()[0] == \
        site.outside.sha256
    server = site.a.start("httpd -f -p 8080 -h /tmp")
    site.a.run("for i in $(seq 100); do netstat -ltn | grep -q :8080 && exit; "
               "usleep 100000; done; exit 1", 30)
    assert site.outside.fetch(site.address["a"]) == (FILE, site.outside.sha256)
    server.kill()


class Stream:
    """100 datagrams a second from b to a, with a buffer for when a's program
    has no CPU (ping's is too small to count losses with). A busy build machine
    can halt all for a second or two; the sender makes up for it at once, with
    no more than a netfront's ring of 256 takes."""

    def __init__(self, site):
        server = site.a.start("iperf3 -s -1 --forceflush")
        server.wait_line("listening")
        self.job = site.b.start("iperf3 -u -c 10.0.0.2 -b 400K -l 500 -w 2M "
                                f"-t {STREAM_S} --forceflush")
        self.job.wait_line(r"\] +0\.00-1\.0")

    def check(self):
        """None was lost."""
        output = self.job.wait(60).output
        lost = re.search(r" (\d+)/(\d+) \([^)]*\) +receiver", output)
        assert lost and lost[1] == "0", output
        assert int(lost[2]) > 50 * STREAM_S


def watch_neighbours(site, fail, talker=None):
    """Have a and b talk, and a (or `talker`) with the world outside, while
    fail() does something to the driver domain. How many seconds it was
    away."""
    carrier = "cat /sys/class/net/eth0/carrier_changes"
    before = [guest.run(carrier).output for guest in (site.a, site.b)]
    drops = site.port("vif3.0")
    readies, starts = site.readies(), (site.a.starts, site.b.starts)
    stream = Stream(site)
    talker = talker or site.a
    site.reached(talker)            # its address is known, for some seconds
    outward = talker.start("for i in 1 2 3 4; do ping -q -i 0.01 -c 100000 "
                           f"{GATEWAY} & done; wait")
    begin = time.monotonic()
    fail()
    site.machine.wait_for(lambda: site.readies() > readies, BOOT_S,
                          "the driver domain did not come back")
    site.reached()
    away = time.monotonic() - begin
    outward.kill()
    stream.check()
    assert [guest.run(carrier).output
            for guest in (site.a, site.b)] == before
    assert (site.a.starts, site.b.starts) == starts
    # Nothing of b's was dropped but what a flood had for the wire.
    after = site.port("vif3.0")
    assert {key for key in after if key.startswith("drop_") and
            after[key] != drops.get(key, 0)} <= {"drop_down", "drop_no_port"}
    print(f"away for {away:.1f} s")
    return away


def test_killed(site):
    watch_neighbours(site, lambda: site.machine.prompt("restart uplink"))


def test_reboots(site):
    """Asked to; its kernel runs /sbin/reboot."""
    watch_neighbours(site, lambda: site.machine.prompt("reboot uplink"))


def test_crashes(site):
    """Its kernel panics and reboots."""
    watch_neighbours(site, lambda: site.machine.send(UPLINK, SYSRQ + "c"))
    assert any("Kernel panic" in line for line in site.uplink.lines)


def test_neighbours_have_their_cpu(vms, machines):
    """One CPU, counted in instructions: while the driver domain ends, is built
    and boots no round trip between two others takes a millisecond."""
    machine = machines.boot(vms.bundle(uplink_config(vms, panic=1),
                                       vms.config("a", ip="10.0.0.2"),
                                       vms.config("b", ip="10.0.0.3")),
                            ram=1024, cpus=1, icount=True, sleep=True)
    _, b = (machine.guest(name, number).wait_ready(200)
            for number, name in enumerate("ab", 2))
    ping = b.start("ping -i 0.005 -c 600 10.0.0.2")
    ping.wait_line("seq=20 ")
    machine.prompt("restart uplink")
    machine.wait_for(lambda: sum("uplink (d1) started" in line.text
                                 for line in machine.log_lines) == 2, 60,
                     "the driver domain did not start again")
    assert len(ping.lines) < 300        # the rest sees it boot
    times = [float(ms) for ms in
             re.findall(r"time=([\d.]+) ms", ping.wait(120).output)]
    assert len(times) == 600
    assert max(times) < 1
    print(f"at most {max(times)} ms")


def test_tcp_goes_on(site):
    """A transfer from outside outlives the driver domain."""
    job = site.a.start("sleep 1; for i in 1 2 3 4 5; do wget -q -O - "
                       f"{site.outside.url} | sha256sum; done")
    time.sleep(1.5)
    readies = site.readies()
    site.machine.prompt("restart uplink")
    lines = job.wait(180).output.splitlines()
    assert site.readies() > readies
    assert [line.split()[0] for line in lines] == [site.outside.sha256] * 5


def by_xdp(site):
    """A kernel from Debian's backports can do it; the standard one takes it
    for this MTU, too."""
    assert any(re.fullmatch(r"uplink: vif 0 is on .*, MTU 1500, by XDP", line)
               for line in site.uplink.lines)


@pytest.fixture
def hanging(vms, machines):
    """Its kernel stops for good when it panics. Frames go by XDP."""
    site = Site(vms, machines, panic=0, vif=f", uplink_timeout={HANG_S}",
                words="mv.xdp=0")
    yield site
    site.outside.close()


def test_xdp_hangs(hanging):
    """By XDP all is as by tc. Then it hangs, once while frames go out, once
    without: the two watchdogs. The frames are dropped at once, and don't
    delay others of the same sender."""
    site = hanging
    by_xdp(site)
    test_reports(site)
    test_files_both_ways(site)
    full = site.machine.counters().get("drop_rx_full", 0)
    watch_neighbours(site, lambda: site.machine.send(UPLINK, SYSRQ + "c"),
                     talker=site.b)
    # (In total: the uplink has a new port by now.)
    assert site.machine.counters().get("drop_rx_full", 0) > full
    site.machine.wait_log(rf"vif1\.0: took no frames for {HANG_S} s")
    ends = r"uplink \(d1\) ended by its watchdog"
    assert sum(bool(re.search(ends, line.text))
               for line in site.machine.log_lines) == 1
    readies = site.readies()
    site.machine.send(UPLINK, SYSRQ + "c")
    site.machine.wait_for(lambda: site.readies() > readies, BOOT_S,
                          "the driver domain did not come back")
    assert sum(bool(re.search(ends, line.text))
               for line in site.machine.log_lines) == 2
    site.reached()


@pytest.mark.skipif(wire.possible(), reason="test_wire.py has it, too")
@pytest.mark.parametrize("nic", ["e1000e"])
def test_other_cards(vms, machines, nic):
    site = Site(vms, machines, panic=1, nic=nic)
    assert site.report("driver") == nic
    site.b.run(f"ping -c 3 -i 0.2 -w 20 {GATEWAY}", 30)
    test_files_both_ways(site)
    site.machine.prompt("restart uplink")
    site.machine.wait_for(lambda: site.readies() == 2, BOOT_S,
                          "the driver domain did not come back")
    site.reached()
    site.outside.close()


def test_no_card_and_no_watchdog(vms, machines):
    """Without a card the driver domain says so, and stays. A guest that is
    told to run a watchdog and does not is ended."""
    machine = machines.boot(vms.bundle(
        uplink_config(vms, 1),
        vms.config("idle", mv_watchdog=5, on_watchdog="preserve")), ram=512)
    guest = machine.guest("uplink", UPLINK)
    guest.wait_line("uplink: no network card", BOOT_S)
    guest.wait_line("uplink: ready in")
    machine.wait_log("idle .* ran no watchdog for 5 s", 60)
    machine.wait_log("idle .* ended by its watchdog")
