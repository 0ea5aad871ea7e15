# SPDX-License-Identifier: Apache-2.0
"""An operator's mvctl manages emulated Microvisors over their driver domains' uplinks."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

import harness

GUESTS = os.path.join(harness.BUILD, "guests")
UPLINK = os.path.join(harness.TOP, "guests", "driver-domain", "uplink.cfg")
MAC = "02:00:00:00:be:ef"
DISK = 16 << 20
WITH_DISKS = {"ramdisk": "storage.cpio.gz", "memory": 176}


class Segment:
    """A hub with nodes on it, and mvctl."""

    def __init__(self, log):
        self.folder = tempfile.mkdtemp(prefix="mv")
        self.log = log
        self.machines = []
        self.hub = None
        self.options = ["--timeout", "20"]
        self.env = {**os.environ, "MVCTL_TRANSPORT": f"unix:{self.folder}/seg"}

    def start(self, nodes, ram=1024, extra=(), **description):
        self.hub = subprocess.Popen(
            [harness.MVCTL, "hub", self.path("seg"), *map(self.path, nodes)],
            preexec_fn=harness.end_with_parent)
        for name in nodes:
            self.boot(name, ram, extra, {"name": f'"{name}"', **description})

    def boot(self, name, ram, extra, description):
        bundle = self.path(f"{name}.cpio")
        self.write(f"{name}.node", description)
        subprocess.run([harness.MVCTL, "bundle", "-o", bundle, "--node", self.path(f"{name}.node"),
                        UPLINK], check=True, stdout=subprocess.DEVNULL, timeout=60)
        wire = (f"dgram,id=wire,local.type=unix,local.path={self.path(name)},"
                f"remote.type=unix,remote.path={self.path('seg')}")
        machine = harness.Machine(
            bundle, log=f"{self.log}-{name}.log", ram=ram,
            extra=["-netdev", wire, "-device", "virtio-net-pci,netdev=wire,romfile=", *extra])
        self.machines.append(machine.boot())

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, settings):
        with open(self.path(name), "w", encoding="ascii") as out:
            out.writelines(f"{k} = {v}\n" for k, v in settings.items())
        return self.path(name)

    def vm(self, name, number, ramdisk="demo.cpio.gz", **more):
        return self.write(f"{name}.cfg", {
            "name": f'"{name}"', "memory": 96, "kernel": f'"{GUESTS}/Image"',
            "ramdisk": f'"{GUESTS}/{ramdisk}"',
            "extra": f'"console=hvc0 quiet mv.ip=10.0.0.{number}/24"',
            "vif": f"['mac=00:16:3e:00:00:{number:02x}']", **more})

    def mvctl(self, *args, status=0, timeout=100):
        run = subprocess.run([harness.MVCTL, *self.options, *args], env=self.env, text=True,
                             capture_output=True, cwd=self.folder, timeout=timeout, check=False)
        assert run.returncode == status, f"{args}: {run.returncode} {run.stdout}{run.stderr}"
        return run.stdout or run.stderr

    def json(self, *args):
        return json.loads(self.mvctl(*args, "-o", "json"))

    def await_nodes(self, count, seconds=90):
        end = time.monotonic() + seconds * harness.PATIENCE
        while time.monotonic() < end:
            run = subprocess.run([harness.MVCTL, *self.options, "-o", "json", "discover"],
                                 env=self.env, text=True, capture_output=True, timeout=60,
                                 check=False)
            if run.returncode == 0 and len(json.loads(run.stdout)["nodes"]) == count:
                return
        pytest.fail(f"{count} nodes didn't appear")

    def stop(self):
        for machine in self.machines:
            machine.stop()
        if self.hub:
            self.hub.terminate()
            self.hub.wait(10)
        shutil.rmtree(self.folder)


class Console:
    """`mvctl console`, and the guest's agent (guests/common/agent.c) behind it."""

    def __init__(self, segment, vm):
        self.process = subprocess.Popen(
            [harness.MVCTL, *segment.options, "console", vm], env=segment.env,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=segment.folder,
            preexec_fn=harness.end_with_parent)
        self.number = 0

    def until(self, pattern):
        seen = ""
        while True:
            line = self.process.stdout.readline().decode(errors="replace")
            assert line, f"the console ended: {seen}"
            seen += line
            if re.search(pattern, line):
                return seen

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def run(self, command):
        """What the command prints; it must succeed."""
        self.number += 1
        self.type(f"@run {self.number} {command}\n")
        said = self.until(rf"@end {self.number} ")
        assert re.search(rf"@end {self.number} \d+ \d+ 0\s", said), said
        return "\n".join(re.findall(rf"@out {self.number} \d+ \d+ (.*?)\r?$", said, re.M))

    def leave(self):
        self.type("\x1d")
        assert self.process.wait(20) == 0


@pytest.fixture(scope="module")
def node(request):
    """One node with a key that only one address may use, and a disk."""
    s = Segment(os.path.join(harness.BUILD, "tests", "test_mvctl"))
    request.addfinalizer(s.stop)
    subprocess.run([harness.MVCTL, "keygen", s.path("key")], check=True, timeout=20)
    s.options += ["--mac", MAC]
    with open(s.path("disk"), "wb") as disk:
        disk.truncate(DISK)
    s.start(["mv1"], key_file='"key"', allow=f'["{MAC}"]', image_quota=256,
            extra=["-drive", f"if=none,id=disk,format=raw,file={s.path('disk')}",
                   "-device", "virtio-blk-pci,drive=disk"])
    s.await_nodes(1)
    s.env.update(MVCTL_NODE="mv1", MVCTL_KEY=s.path("key"))
    s.machines[0].guest("uplink", 1).wait_line(r"uplink: disk vda", 30)
    s.held = held(s)
    return s


def held(node):
    """What the node has given away."""
    info = node.json("info")["info"]
    counters = node.machines[0].counters()
    return (info["memory_free_bytes"], info["image_used_bytes"], len(node.json("ports")["ports"]),
            counters["xenstore_nodes"], counters["xenstore_watches"])


def same(held, before):
    """All but a few pages for tables: where the driver domain maps a disk's pages is
    its choice."""
    return abs(held[0] - before[0]) <= 128 << 10 and held[1:] == before[1:]


def test_who_may(node):
    """Neither another address nor another key gets in."""
    wrong = node.path("wrong")
    subprocess.run([harness.MVCTL, "keygen", wrong], check=True, timeout=20)
    assert "no node" in node.mvctl("--timeout", "2", "--mac", "02:00:00:00:00:01", "info",
                                   status=3)
    assert "no answer" in node.mvctl("--timeout", "2", "-k", wrong, "info", status=4)
    info = node.json("info")["info"]
    assert info["keyed"] is True
    assert info["machine"].startswith("linux,dummy-virt")


def test_a_day_of_an_operator(node):
    pushed = node.json("image", "push", f"{GUESTS}/Image")["pushed"][0]
    assert pushed["was_there"] is False
    for number, name, vcpus in ((3, "third", 2), (4, "fourth", 1)):
        out = node.mvctl("create", node.vm(name, number, vcpus=vcpus, **WITH_DISKS))
        assert re.fullmatch(rf"{name}: id \d+, running\n", out)
    images = {i["name"]: i for i in node.json("image", "list")["images"]}
    assert images["Image"]["users"] == 2
    vms = {vm["name"]: vm for vm in node.json("list")["vms"]}
    assert vms["third"]["state"] == vms["fourth"]["state"] == "running"
    # `top` and `events` know them.
    top = json.loads(node.mvctl("top", "-n", "1", "-o", "json"))
    assert {"uplink", "third", "fourth"} <= {vm["name"] for vm in top["vms"]}
    events = [json.loads(e) for e in node.mvctl("events", "-o", "json").splitlines()]
    told = [(e["event"], e["name"]) for e in events]
    assert ("uplink-up", "vif1.0") in told and ("vm-started", "fourth") in told


def test_console_and_capture(node):
    """Guests made at run time talk to each other; a capture shows it."""
    other = Console(node, "fourth")
    other.until("@ready")
    other.leave()
    console = Console(node, "third")
    console.until("@ready")
    assert "aarch64" in console.run("uname -m")
    port = [p for p in node.json("ports")["ports"] if p["mac"] == "00:16:3e:00:00:03"][0]
    capture = subprocess.Popen([harness.MVCTL, *node.options, "capture", "-w",
                                node.path("out.pcapng"), port["name"]], env=node.env)
    time.sleep(2 * harness.PATIENCE)
    assert " 0% packet loss" in console.run("ping -c 5 -W 5 10.0.0.4")
    capture.send_signal(signal.SIGINT)
    assert capture.wait(30) == 0
    if shutil.which("tshark"):
        out = subprocess.run(["tshark", "-r", node.path("out.pcapng"), "-Y", "icmp"], text=True,
                             capture_output=True, timeout=60, check=True).stdout
        assert "Echo (ping) request" in out and "Echo (ping) reply" in out
    # While it is paused it says nothing.
    node.mvctl("pause", "fourth")
    console.number += 1
    console.type(f"@run {console.number} ping -c 2 -W 1 10.0.0.4\n")
    assert re.search(r"@end \d+ \d+ \d+ 1\s", console.until(rf"@end {console.number} "))
    node.mvctl("unpause", "fourth")
    assert " 0% packet loss" in console.run("ping -c 2 -W 5 10.0.0.4")
    console.leave()


def until(console, command, wanted):
    """A guest's drivers follow in their own time."""
    for _ in range(15):
        seen = console.run(command)
        if wanted(seen):
            return
        time.sleep(1)
    pytest.fail(f"{command}: {seen}")


def test_changes_of_a_running_guest(node):
    """Memory, CPUs and interfaces of an unmodified guest."""
    console = Console(node, "third")
    console.number = 100                # what others ran is in the history
    total = "sed -n 's/MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo"
    before = int(console.run(total))
    node.mvctl("mem-set", "third", "160")
    until(console, total, lambda seen: int(seen) == before - 16 * 1024)
    node.mvctl("mem-set", "third", "176")
    until(console, total, lambda seen: int(seen) == before)
    online = "cat /sys/devices/system/cpu/online"
    assert console.run(online) == "0-1"
    node.mvctl("vcpu-set", "third", "1")
    until(console, online, lambda seen: seen == "0")
    # Linux makes it present, and leaves it to udev's rules to have it online.
    node.mvctl("vcpu-set", "third", "2")
    until(console, "echo 1 >/sys/devices/system/cpu/cpu1/online; " + online,
          lambda seen: seen == "0-1")
    node.mvctl("vcpu-pin", "third", "0", "0")
    node.mvctl("network-attach", "third", "mac=00:16:3e:00:01:03")
    until(console, "ls /sys/class/net", lambda seen: "eth1" in seen)
    assert console.run("cat /sys/class/net/eth1/address") == "00:16:3e:00:01:03"
    node.mvctl("network-detach", "third", "00:16:3e:00:01:03")
    until(console, "ls /sys/class/net", lambda seen: "eth1" not in seen)
    console.leave()


def disk_comes_and_goes(node, console):
    """What the node has given away when it is gone."""
    node.mvctl("block-attach", "third", "vdev=xvda,target=dd:uplink/vda")
    until(console, "cat /sys/block/xvda/size 2>&1 || true",
          lambda seen: seen == str(DISK // 512))
    disk = node.json("block-list", "third")["disks"][0]
    assert (disk["name"], disk["target"]) == ("xvda", "dd:uplink/vda")
    console.run("dd if=/bin/busybox of=/dev/xvda bs=64k count=8 oflag=direct 2>/dev/null && "
                "dd if=/dev/xvda bs=64k count=8 iflag=direct 2>/dev/null | "
                "cmp -n 524288 - /bin/busybox")
    assert "is also that of" in node.mvctl("block-attach", "fourth",
                                           "vdev=xvda,target=dd:uplink/vda", status=1)
    node.mvctl("block-detach", "third", "xvda")
    until(console, "ls /sys/block", lambda seen: "xvda" not in seen)
    assert node.json("block-list", "third")["disks"] == []
    machine = node.machines[0]
    machine.wait_for(lambda: not any("backend" in line for line in machine.prompt(
        "xenstore-ls /local/domain/0/device/vbd")), 30, "the device to go")
    return held(node)


def test_disk_of_a_running_guest(node):
    """A disk of the driver domain comes and goes, and leaves nothing, but the first one
    folders above its place in XenStore."""
    console = Console(node, "third")
    console.number = 200
    for verb, *what in (("block-attach", "third", "vdev=xvda,target=dd:nobody/vda"),
                        ("create", node.vm("fifth", 5, disk="['vdev=xvda,target=dd:nobody/vda']",
                                           **WITH_DISKS))):
        assert "there is no driver domain" in node.mvctl(verb, *what, status=1)
    first = disk_comes_and_goes(node, console)
    with open(node.path("disk"), "rb") as file:
        assert file.read(4) == b"\x7fELF"
    assert same(disk_comes_and_goes(node, console), first)
    folders = ("backend", "backend/vbd", "backend/vbd/0")
    node.held = (*node.held[:3], node.held[3] + len(folders), node.held[4])
    console.leave()


def test_share_of_a_running_guest(node):
    """What a busy guest gets is what it is told."""
    shares = []
    console = Console(node, "fourth")
    console.number = 100
    busy = console.run("(while :; do :; done) >/dev/null 2>&1 & echo $!")
    for cap in ("20", "0"):
        node.mvctl("sched", "fourth", "-w", "512", "-c", cap)
        before = node.json("info", "fourth")["vm"]
        time.sleep(1)
        after = node.json("info", "fourth")["vm"]
        used, passed = (float(after[key]) - float(before[key])
                        for key in ("cpu_seconds", "up_seconds"))
        shares.append(used / passed)
    assert 0.1 < shares[0] < 0.3 and shares[1] > 0.6, shares
    sched = node.json("sched", "fourth")
    assert (sched["weight"], sched["cap"]) == (512, 0)
    console.run(f"kill {busy}")
    console.leave()


def test_ends(node):
    node.mvctl("rename", "third", "other")
    node.mvctl("destroy", "--wait", "other")
    node.mvctl("destroy", "--wait", "fourth")
    assert [vm["name"] for vm in node.json("list")["vms"]] == ["uplink"]
    node.mvctl("image", "remove", "Image", "storage.cpio.gz")
    assert same(held(node), node.held)


def test_three_nodes(request):
    s = Segment(os.path.join(harness.BUILD, "tests", "test_mvctl-three"))
    request.addfinalizer(s.stop)
    s.start(["mv1", "mv2", "mv3"], ram=512)
    s.await_nodes(3, 150)
    assert [n["node"] for n in s.json("discover")["nodes"]] == ["mv1", "mv2", "mv3"]
    assert "3 nodes answer" in s.mvctl("list", status=2)
    s.mvctl("-N", "mv2", "create", s.vm("web", 5))
    found = {n["node"]: {vm["name"] for vm in n["vms"]} for n in s.json("list", "--all")["nodes"]}
    assert found == {"mv1": {"uplink"}, "mv2": {"uplink", "web"}, "mv3": {"uplink"}}
