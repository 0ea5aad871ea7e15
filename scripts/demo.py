#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Boot Microvisor with four Debian guests and a driver domain in QEMU and show
what it can do.

usage: demo.py [--shell] [--cpu MODEL] [--cpus N] [--nic MODEL]

One line a check, "demo: CHECK ... ok (VALUE)"; the exit status is 0 only if
all checks are ok. With --shell the same machine is at your terminal instead.
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                    ".."))
sys.path.insert(0, os.path.join(TOP, "tests", "system"))
import harness  # noqa: E402
from harness import Failure  # noqa: E402
from outside import GATEWAY, GUEST_PORT, Outside  # noqa: E402
from segment import Segment  # noqa: E402
import demo_debian  # noqa: E402
import demo_disk  # noqa: E402
import demo_operator  # noqa: E402

FOLDER = os.path.join(TOP, "build", "demo")
GUESTS = ("a", "b", "c")
ADDRESS = {"a": "10.0.0.2", "b": "10.0.0.3", "c": "10.0.0.4"}
CHECKS = []


def say(text, end="\n"):
    print(f"demo: {text}", end=end, flush=True)


def check(name):
    """Register a check: a function of the Demo that returns the value to show
    or raises Failure."""
    def register(function):
        CHECKS.append((name, function))
        return function
    return register


def both_ways(name):
    """The same from a to b and from b to a."""
    def register(function):
        for source, target in (("a", "b"), ("b", "a")):
            CHECKS.append((f"{name}-{source}-{target}",
                           lambda demo, s=source, t=target:
                           function(demo, demo.guests[s], t)))
        return function
    return register


class Demo:
    def __init__(self, machine, outside, segment, disk):
        self.machine = machine
        self.outside = outside
        self.segment = segment
        self.disk = disk        # an AoeTarget that waits for its start
        self.addresses = {}     # from the DHCP server
        self.guests = {name: machine.guest(name, number)
                       for number, name in enumerate(GUESTS, 1)}
        # After the driver domain.
        self.debian = machine.guest("debian", len(GUESTS) + 2)
        self.second_disk = None         # what Debian wrote to it
        self.servers = {}

    def alive(self):
        """Can the other checks work at all?"""
        try:
            for guest in self.guests.values():
                guest.run("true", 10)
        except Failure as failure:
            say(f"give up: {failure}")
            return False
        return True

    def uplink_ready(self):
        """Wait for the driver domain; what it says then."""
        uplink = self.machine.guest("uplink", len(GUESTS) + 1)
        return uplink.wait_line(r"uplink: (ready in .*)", 120)[1]

    def iperf_server(self, name):
        """Start iperf3's server in a guest, once."""
        if name not in self.servers:
            job = self.guests[name].start("iperf3 -s --forceflush")
            job.wait_line("listening", 20)
            self.servers[name] = job


@check("boot")
def boot(demo):
    begin = time.monotonic()
    demo.machine.boot()
    for guest in demo.guests.values():
        guest.wait_ready(120)
    for guest in demo.guests.values():      # input arrives too
        guest.run("true", 20)
    seconds = time.monotonic() - begin
    # It would take CPU time from those that are measured.
    driver = demo.uplink_ready()
    return (f"{len(GUESTS)} guests ready after {seconds:.1f} s; driver domain "
            f"{driver}")


@both_ways("ping")
def ping(demo, guest, target):
    text = guest.run(f"ping -c 10 -i 0.1 -w 20 {ADDRESS[target]}").output
    received = re.search(r"(\d+) packets transmitted, (\d+) packets received",
                         text)
    times = re.search(r"= ([\d.]+)/([\d.]+)/([\d.]+) ms", text)
    if not received or not times or received[1] != received[2]:
        raise Failure(f"packets were lost: {text[-300:]}")
    return f"{received[2]} of {received[1]}, {times[2]} ms on average"


def iperf(demo, guest, target, options):
    demo.iperf_server(target)
    result = guest.run(f"iperf3 -J -c {ADDRESS[target]} {options}", 60,
                       check=False)
    try:
        document = json.loads(result.output)
    except ValueError:
        raise Failure(f"iperf3: {result.output[-300:]}") from None
    if "error" in document or result.status:
        raise Failure(f"iperf3: {document.get('error', result.status)}")
    return document["end"]


@both_ways("iperf3-tcp")
def iperf_tcp(demo, guest, target):
    end = iperf(demo, guest, target, "-t 3")
    rate = end["sum_received"]["bits_per_second"]
    if end["sum_received"]["bytes"] == 0:
        raise Failure("nothing was received")
    return (f"{rate / 1e6:.0f} Mbit/s, "
            f"{end['sum_sent'].get('retransmits', 0)} retransmits")


@both_ways("iperf3-udp")
def iperf_udp(demo, guest, target):
    # An emulated CPU leaves a receiver waiting for long: give it a buffer.
    end = iperf(demo, guest, target, "-t 3 -u -b 10M -w 2M")["sum"]
    lost, packets = end["lost_packets"], end["packets"]
    if packets == 0 or lost > packets / 10:
        raise Failure(f"{lost} of {packets} datagrams were lost")
    return (f"{end['bits_per_second'] / 1e6:.0f} Mbit/s, "
            f"{lost} of {packets} datagrams lost")


@check("file-64MiB-sha256")
def file_copy(demo):
    source, target = demo.guests["a"], demo.guests["b"]
    source.run("dd if=/dev/urandom of=/tmp/file bs=1M count=64 2>&1", 60)
    wanted = source.run("sha256sum </tmp/file", 60).output.split()[0]
    server = source.start("httpd -f -p 8080 -h /tmp")
    try:
        source.run("for i in $(seq 100); do netstat -ltn | grep -q :8080 && "
                   "exit; usleep 100000; done; exit 1", 30)
        begin = time.monotonic()
        target.run(f"wget -q -O /tmp/file http://{ADDRESS['a']}:8080/file", 60)
    finally:
        server.kill()
    seconds = time.monotonic() - begin
    size, got = target.run("stat -c %s /tmp/file; sha256sum </tmp/file",
                           60).output.split()[:2]
    for guest in (source, target):
        guest.run("rm /tmp/file")
    if int(size) != 64 << 20 or got != wanted:
        raise Failure(f"a has {wanted}, b has {got} and {size} bytes")
    return f"{got[:16]}... the same in both, {64 / seconds:.0f} MiB/s"


@check("xenstore-ls")
def xenstore_ls(demo):
    guest = demo.guests["a"]
    text = guest.run("xenstore-ls /local/domain/$(xenstore-read domid)").output
    for pattern in (r'^name = "a"$', r"^device = ", r"^ vif = ",
                    r'^  0 = ', r'^   state = "4"$'):
        if not re.search(pattern, text, re.M):
            raise Failure(f"'{pattern}' is missing in: {text[-800:]}")
    stored = guest.run("xenstore-write data/demo hello && "
                       "xenstore-read data/demo && xenstore-rm data/demo")
    if stored.output != "hello":
        raise Failure(f"wrote 'hello', read '{stored.output}'")
    return f"{len(text.splitlines())} nodes, network interface connected"


@check("smp-4-vcpus")
def smp(demo):
    guest = demo.guests["b"]
    online = guest.run("cat /sys/devices/system/cpu/online").output
    if online != "0-3":
        raise Failure(f"online are {online}")
    # A program on each of them, at the same time.
    cpus = guest.run(
        "for c in 0 1 2 3; do taskset $((1 << c)) sh -c "
        "'n=0; while [ $n -lt 20000 ]; do n=$((n + 1)); done; "
        "cut -d\" \" -f39 /proc/self/stat' & done; wait", 60).output.split()
    if sorted(cpus) != ["0", "1", "2", "3"]:
        raise Failure(f"programs ran on {cpus}")
    return "CPUs 0-3 online, a program ran on each"


def longest_gap(amounts):
    """How many seconds in a row nothing was sent."""
    longest = now = 0
    for amount in amounts:
        now = 0 if amount else now + 1
        longest = max(longest, now)
    return longest


@check("reboot-keeps-tcp")
def reboot_keeps_tcp(demo):
    demo.iperf_server("b")
    stream = demo.guests["a"].start(
        f"iperf3 -c {ADDRESS['b']} -t 300 -i 1 -b 500M --forceflush")
    interval = r"\] +(\d+)\.\d+-\d+\.\d+ +sec +([\d.]+) ([KMG]?Bytes)"
    try:
        stream.wait_line(interval, 30)
        begin = time.monotonic()
        demo.guests["c"].start("reboot -f")
        demo.guests["c"].wait_ready(120, starts=2)
        seconds = time.monotonic() - begin
        after = len(stream.lines)
        demo.machine.wait_for(lambda: len(stream.lines) >= after + 2 or
                              stream.status is not None, 30,
                              "the stream stopped")
        if stream.status is not None:
            raise Failure(f"the stream ended: {stream.output[-300:]}")
        found = re.findall(interval, stream.output)
        gap = longest_gap(float(amount) for _, amount, _ in found)
        if gap > 2:
            raise Failure(f"the stream stood still for {gap} s")
    finally:
        stream.kill()
    demo.guests["c"].run(f"ping -c 2 -w 20 {ADDRESS['a']}")
    return (f"c was back after {seconds:.1f} s, meanwhile a sent to b for "
            f"{len(found)} s, longest gap {gap} s")


# --- the world outside: through the driver domain and a real network card

def dhcp_address(demo, name):
    """The guest's address from the DHCP server outside, asked for once."""
    if name not in demo.addresses:
        text = demo.guests[name].run("udhcpc -n -q -t 10 -T 1 -i eth0 "
                                     "-s /etc/udhcpc-script 2>&1", 40).output
        match = re.search(r"lease of ([\d.]+) obtained", text)
        if not match:
            raise Failure(f"no address: {text[-300:]}")
        demo.addresses[name] = match[1]
    return demo.addresses[name]


def http_get(demo, name):
    """Fetch the file from this machine's HTTP server; the seconds it took."""
    dhcp_address(demo, name)
    begin = time.monotonic()
    text = demo.guests[name].run(
        f"wget -q -O /tmp/file {demo.outside.url} && stat -c %s /tmp/file && "
        "sha256sum </tmp/file", 180).output
    size, got = text.split()[:2]
    if int(size) != 64 << 20 or got != demo.outside.sha256:
        raise Failure(f"{name} got {size} bytes, {got}; the server has "
                      f"{demo.outside.sha256}")
    return time.monotonic() - begin


def http_serve(demo, name):
    """Serve the file that was fetched to this machine; the seconds."""
    address = dhcp_address(demo, name)
    guest = demo.guests[name]
    server = guest.start(f"httpd -f -p {GUEST_PORT} -h /tmp")
    try:
        guest.run("for i in $(seq 100); do netstat -ltn | "
                  f"grep -q :{GUEST_PORT} && exit; usleep 100000; done; exit 1",
                  30)
        begin = time.monotonic()
        size, got = demo.outside.fetch(address)
    except OSError as problem:
        raise Failure(f"from {name}: {problem}") from None
    finally:
        server.kill()
    if got != demo.outside.sha256:
        raise Failure(f"{name} sent {size} bytes, {got}; they should be "
                      f"{demo.outside.sha256}")
    return time.monotonic() - begin


@check("dhcp")
def dhcp(demo):
    demo.uplink_ready()
    address = dhcp_address(demo, "a")
    demo.guests["a"].run(f"ping -c 3 -w 20 {GATEWAY}", 30)
    return f"a is {address}, {GATEWAY} answers"


@check("http-get")
def http_get_one(demo):
    seconds = http_get(demo, "a")
    return (f"64 MiB, {demo.outside.sha256[:16]}... in a as outside, "
            f"{64 / seconds:.0f} MiB/s")


@check("http-serve")
def http_serve_one(demo):
    seconds = http_serve(demo, "a")
    return f"64 MiB, the same outside as in a, {64 / seconds:.0f} MiB/s"


@check("two-vms")
def two_vms(demo):
    addresses = [dhcp_address(demo, name) for name in ("a", "b")]
    if len(set(addresses)) != 2:
        raise Failure(f"both have {addresses[0]}")
    slowest = []
    for work in (http_get, http_serve):
        with ThreadPoolExecutor(2) as pool:
            runs = [pool.submit(work, demo, name) for name in ("a", "b")]
            slowest.append(max(run.result() for run in runs))
    for name in ("a", "b"):
        demo.guests[name].run("rm /tmp/file")
    return (f"{addresses[0]} and {addresses[1]} at once: each got 64 MiB in "
            f"{slowest[0]:.0f} s and sent it in {slowest[1]:.0f} s")


CHECKS.extend(demo_debian.CHECKS)
CHECKS.extend(demo_operator.CHECKS)


def make_bundle(shell):
    configs = []
    sources = [os.path.join(TOP, "guests", "demo", f"{name}.cfg")
               for name in GUESTS]
    sources += [os.path.join(TOP, "guests", "driver-domain", "uplink.cfg"),
                demo_debian.VM]
    for path in sources:
        if shell:
            with open(path, encoding="utf-8") as file:
                text = file.read().replace("console=hvc0",
                                           "console=hvc0 mv.shell")
            # As deep as the original: its relative paths stay right.
            path = os.path.join(FOLDER, os.path.basename(path))
            os.makedirs(FOLDER, exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        configs.append(path)
    begin = time.monotonic()
    say("make the boot bundle")
    bundle = harness.make_bundle(os.path.join(
        FOLDER, "shell.cpio" if shell else "boot.cpio"), *configs,
        node=demo_operator.NODE, storage=demo_debian.STORAGE)
    say(f"bundle: {os.path.getsize(bundle) >> 20} MiB, done in "
        f"{time.monotonic() - begin:.1f} s")
    return bundle


def tell_operator(segment):
    mvctl = os.path.relpath(harness.MVCTL)
    say("manage the node from another terminal of yours:")
    print(f"      export MVCTL_TRANSPORT=unix:{segment.hub_path}\n"
          f"      {mvctl} list\n"
          f"      {mvctl} create -c {os.path.relpath(demo_operator.VM)}\n"
          f"      {mvctl} top", flush=True)


def interactive(bundle, machine, segment):
    tell_operator(segment)
    command = harness.qemu_command(bundle=bundle, **machine)
    say("Ctrl-] 1, 2, 3, 5 gives the keyboard to guest a, b, c, debian; Ctrl-] "
        "0 to the hypervisor; Ctrl-] ? helps; udhcpc -s /etc/udhcpc-script: the "
        "way out")
    say("Ctrl-a x ends the machine")
    try:
        return subprocess.call([*command, "-serial", "mon:stdio"],
                               preexec_fn=harness.end_with_parent)
    except OSError as problem:
        raise Failure(f"cannot start QEMU: {problem}") from None


def run_checks(demo):
    machine = demo.machine
    good = 0
    for number, (name, function) in enumerate(CHECKS):
        say(f"{name} ... ", end="")
        begin = time.monotonic()
        try:
            value = function(demo)
        except Failure as failure:
            print(f"FAILED after {time.monotonic() - begin:.0f} s", flush=True)
            harness.complain(machine, failure)
            if name == "boot" or not demo.alive():
                for other, _ in CHECKS[number + 1:]:
                    say(f"{other} ... FAILED (not run)")
                break
            continue
        print(f"ok ({value})", flush=True)
        good += 1
    return good


def stop(number, _frame):
    sys.exit(128 + number)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--shell", action="store_true",
                        help="be at the machine's terminal yourself")
    parser.add_argument("--cpu", default="cortex-a57", help="QEMU's CPU model")
    parser.add_argument("--cpus", type=int, default=2, help="number of CPUs")
    parser.add_argument("--nic", default="virtio-net-pci",
                        help="QEMU's model of network card, e.g. e1000e")
    args = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    begin = time.monotonic()
    try:
        bundle = make_bundle(args.shell)
        with Outside() as outside, Segment() as segment, \
                demo_debian.disk(FOLDER) as disk:
            settings = {"cpu": args.cpu, "cpus": args.cpus, "ram": 2048,
                        "extra": segment.qemu(args.nic, outside, disk)
                        + demo_disk.qemu()}
            if args.shell:
                try:
                    demo_debian.serve(disk)
                except Failure as failure:
                    say(f"debian has no disk: {failure}")
                sys.exit(interactive(bundle, settings, segment))
            say(f"boot {args.cpus} CPUs ({args.cpu}), {settings['ram']} MiB, "
                f"{len(GUESTS) + 1} guests, a driver domain with a {args.nic}")
            machine = harness.Machine(bundle, log=os.path.join(
                FOLDER, "console.log"), **settings)
            try:
                good = run_checks(Demo(machine, outside, segment, disk))
            finally:
                machine.stop()
    except Failure as failure:
        sys.exit(f"demo: {failure}")
    say(f"all of it took {time.monotonic() - begin:.0f} s; the console log is "
        f"build/demo/console.log")
    say("the same by hand: `make shell`, which says what to type in another "
        "terminal")
    say(f"{good} of {len(CHECKS)} checks ok")
    sys.exit(0 if good == len(CHECKS) else 1)


if __name__ == "__main__":
    main()
