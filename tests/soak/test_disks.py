# SPDX-License-Identifier: Apache-2.0
"""Debian's own tools on AoE disks, over a good wire and over bad ones. The
guest's root is an AoE target as well, on a wire that is always good.

MV_SOAK_MIB is how much of a disk each run of fio covers instead of 32.
"""
import lzma
import os
import re
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))
import harness  # noqa: E402
from aoe_target import AoeTarget  # noqa: E402
from conftest import *  # noqa: E402,F401,F403
from faulty_wire import (FaultyWire, config_lie, disk_error, garbage,  # noqa: E402
                         size_lie)
from segment import Segment  # noqa: E402

MIB = int(os.environ.get("MV_SOAK_MIB", "32"))
VLAN = 100
DISK = 1 << 30
READ_ONLY = 8 << 20
SOAK_IMAGE = os.path.join(harness.BUILD, "guests", "debian-soak.img")
MODULES = ("lib/libcrc32c.ko", "fs/xfs/xfs.ko")


class Scene:
    def __init__(self, machine, client, wire):
        self.machine, self.client, self.wire = machine, client, wire

    def counters(self, disk="xvdb"):
        found = [re.fullmatch(r" +(\S.*?) +(\d+)", line) for line in
                 self.machine.prompt(f"volumes client.{disk}")]
        return {match[1]: int(match[2]) for match in found if match}

    def fio(self, name, *options, mib=MIB, timeout=600, check=True):
        """fio writes that much and verifies it; its Result."""
        return self.client.run(fio_command(name, mib, *options), timeout, check)

    def quiet(self):
        """The wire is good again, and the target was heard."""
        self.wire.mend()
        self.client.run("dd if=/dev/xvdb of=/dev/null bs=4k count=1 "
                        "iflag=direct 2>&1", 120)


def fio_command(name, mib, *options):
    return (f"cd /tmp && fio --name={name} --filename=/dev/xvdb --direct=1 "
            f"--ioengine=libaio --size={mib}m --verify=crc32c --verify_fatal=1 "
            "--verify_state_save=0 --randrepeat=1 --output-format=terse "
            + " ".join(options) + " 2>&1")


def add_modules(image):
    """The kernel's modules for xfs, into the image's /root."""
    base = os.path.join(harness.DEPS_KERNEL, "lib", "modules")
    kernel = os.path.join(base, os.listdir(base)[0], "kernel")
    for name in MODULES:
        path = os.path.join(kernel, name)
        if os.path.exists(path + ".xz"):
            with lzma.open(path + ".xz") as file:
                data = file.read()
        else:
            with open(path, "rb") as file:
                data = file.read()
        plain = f"{image}.{os.path.basename(name)}"
        with open(plain, "wb") as file:
            file.write(data)
        subprocess.run(["/sbin/debugfs", "-w", "-R",
                        f"write {plain} /root/{os.path.basename(name)}", image],
                       check=True, capture_output=True, timeout=30)


@pytest.fixture(scope="module")
def scene(module_vms, module_machines, tmp_path_factory):
    folder = tmp_path_factory.mktemp("disks")
    image = str(folder / "root.img")
    subprocess.run(["cp", "--sparse=always", SOAK_IMAGE, image], check=True)
    add_modules(image)
    vms = module_vms
    bundle = vms.bundle(
        "--storage", f"vlan={VLAN}",
        vms.config("uplink", memory=96, ramdisk="driver-domain.cpio.gz",
                   extra="quiet panic=1 cma=0",
                   vif=["mac=00:16:3e:00:00:01, uplink=1"],
                   mv_assign=["/pcie@10000000"]),
        vms.config("client", memory=512, vcpus=2, ramdisk="debian.cpio.gz",
                   extra="quiet", disk=["vdev=xvda, target=aoe:1.1",
                                        "vdev=xvdb, target=aoe:1.2",
                                        "vdev=xvdc, target=aoe:1.3, access=ro"]))
    with AoeTarget(image=image, vlan=VLAN) as root, \
            AoeTarget(size=DISK, slot=2, vlan=VLAN) as disk, \
            AoeTarget(size=READ_ONLY, slot=3, vlan=VLAN) as other, \
            FaultyWire(disk) as wire, Segment() as segment:
        machine = module_machines.boot(
            bundle, ram=1024,
            extra=segment.qemu("virtio-net-pci", root, other, wire))
        client = machine.guest("client", 2).wait_ready(180)
        yield Scene(machine, client, wire)


@pytest.fixture(autouse=True)
def good_wire(scene):
    """A test that fails leaves no bad wire to the next one."""
    yield
    scene.wire.mend()


def test_identity(scene):
    """What the tools are told of the disks is what the targets have."""
    def ask(option, disk):
        return int(scene.client.run(f"blockdev --{option} /dev/{disk}").output)

    assert ask("getsize64", "xvdb") == DISK
    assert ask("getsize64", "xvdc") == READ_ONLY
    assert ask("getss", "xvdb") == 512
    assert ask("getpbsz", "xvdb") in (512, 4096)
    assert ask("getro", "xvdb") == 0
    assert ask("getro", "xvdc") == 1
    # No ATA command passes a PV disk: hdparm has nothing to show.
    done = scene.client.run("hdparm -I /dev/xvdb 2>&1", check=False)
    assert "Model Number" not in done.output
    timed = scene.client.run("hdparm -t --direct /dev/xvdc 2>&1", 60).output
    assert "MB/sec" in timed or "kB/s" in timed


def test_read_only(scene):
    done = scene.client.run("dd if=/dev/zero of=/dev/xvdc bs=4k count=1 "
                            "oflag=direct 2>&1", check=False)
    assert done.status != 0
    assert scene.counters("xvdc")["reads"] > 0


def test_no_discard(scene):
    """There is none, which is told at once, and nothing is lost by it."""
    scene.client.run("dd if=/dev/urandom of=/tmp/x bs=64k count=1 2>/dev/null; "
                     "dd if=/tmp/x of=/dev/xvdb bs=64k oflag=direct 2>&1")
    for command in ("blkdiscard -f", "blkdiscard -f -s"):
        done = scene.client.run(f"{command} /dev/xvdb 2>&1", check=False)
        assert done.status != 0
        assert "Operation not supported" in done.output
    # Zeroes can be written without it.
    scene.client.run("blkdiscard -f -z -o 1048576 -l 1048576 /dev/xvdb", 60)
    scene.client.run("cmp -n 65536 /tmp/x /dev/xvdb && cmp -n 1048576 -i 1048576:0 "
                     "/dev/xvdb /dev/zero", 60)


@pytest.mark.parametrize("depth", (1, 4, 16, 64))
def test_fio(scene, depth):
    """Random writes of 4 KiB to 1 MiB, reads among them, all verified."""
    before = scene.counters()
    scene.fio(f"write{depth}", "--rw=randwrite", "--bsrange=4k-1m",
              f"--iodepth={depth}")
    scene.fio(f"mixed{depth}", "--rw=randrw", "--bs=4k", f"--iodepth={depth}",
              mib=max(MIB // 8, 1))
    after = scene.counters()
    assert after["written_bytes"] - before["written_bytes"] >= MIB << 20
    assert after.get("errors", 0) == before.get("errors", 0)


def test_many_jobs(scene):
    """Four jobs at once, each with its part of the disk."""
    scene.fio("jobs", "--rw=randwrite", "--bsrange=4k-256k", "--iodepth=16",
              "--numjobs=4", f"--offset_increment={MIB}m", mib=max(MIB // 4, 1))


FILE_SYSTEMS = {
    "ext4": ("mkfs.ext4 -q -F /dev/xvdb 400M", "e2fsck -fn /dev/xvdb"),
    "xfs": ("mkfs.xfs -q -f -K -d size=400m /dev/xvdb", "xfs_repair -n /dev/xvdb"),
}


@pytest.mark.parametrize("kind", FILE_SYSTEMS)
def test_file_system(scene, kind):
    make, check = FILE_SYSTEMS[kind]
    if kind == "xfs":
        scene.client.run("cd /root && insmod libcrc32c.ko; insmod xfs.ko; "
                         "grep -w xfs /proc/filesystems", 60)
    scene.client.run(f"wipefs -qa /dev/xvdb; {make}", 120)
    scene.client.run(f"mount -t {kind} /dev/xvdb /mnt && cp -a /usr/sbin /mnt/ && "
                     "sync && umount /mnt", 300)
    scene.client.run(f"{check} 2>&1", 180)
    scene.client.run(f"mount -t {kind} /dev/xvdb /mnt && "
                     "diff -r /usr/sbin /mnt/sbin && umount /mnt", 300)


def test_unplugged(scene):
    """The target is away for a minute while fio runs: all waits, nothing fails."""
    before = scene.counters()
    job = scene.client.start(fio_command(
        "unplugged", MIB, "--rw=randwrite", "--bsrange=4k-256k", "--iodepth=16"))
    time.sleep(3)
    scene.wire.unplugged = True
    scene.machine.wait_log(r"aoe:1\.2 doesn't answer", 60)
    time.sleep(60)
    assert job.status is None
    scene.wire.unplugged = False
    job.wait(600)
    after = scene.counters()
    assert after["outages"] > before.get("outages", 0)
    assert after.get("errors", 0) == before.get("errors", 0)


@pytest.mark.parametrize("fault,setting", (
    ("loss", {"loss": 0.05}),
    ("order", {"reorder": 0.1}),
    ("double", {"double": 0.1}),
    ("all", {"loss": 0.02, "reorder": 0.05, "double": 0.05})))
def test_bad_wire(scene, fault, setting):
    before = scene.counters()
    for name, value in setting.items():
        setattr(scene.wire, name, value)
    try:
        scene.fio(fault, "--rw=randwrite", "--bsrange=4k-256k", "--iodepth=16",
                  mib=max(MIB // 2, 1), timeout=1200)
    finally:
        scene.quiet()
    after = scene.counters()
    if "loss" in setting:
        assert after["resent"] > before.get("resent", 0)
    assert after.get("errors", 0) == before.get("errors", 0)


def latencies(scene, size, losses, apart):
    """fio reads pieces of that size, one at a time; so many frames are lost meanwhile,
    each with so many requests since the last. The median of all latencies and the
    highest ones, as many as losses, in microseconds."""
    job = scene.client.start(
        "cd /tmp && rm -f lat*; fio --name=lat --filename=/dev/xvdb --direct=1 "
        f"--ioengine=libaio --iodepth=1 --rw=randread --bs={size} --size=64m "
        f"--number_ios={(losses + 2) * apart} --write_lat_log=lat >fio.lat 2>&1 && "
        "cut -d, -f2 lat_clat.1.log | sort -n >lat && "
        f"sed -n $(($(wc -l <lat) / 2))p lat && tail -n {losses} lat")
    at = scene.counters().get("reads", 0)
    for number in range(losses):
        at += apart
        scene.machine.wait_for(lambda: scene.counters().get("reads", 0) > at, 60,
                               f"fio did not read {apart} times")
        scene.wire.lose = ("ask", "answer")[number % 2]
    found = job.wait(120).output.split()
    assert scene.wire.lose is None
    return [int(nanoseconds) / 1000 for nanoseconds in found]


def test_one_lost_frame(scene):
    """A frame that is lost alone costs its request less than 4 round trips, whether
    nothing else is under way or 15 others are. The wire is long, so that the emulator's
    own delays are short beside a round trip, but for some: what counts is the middle."""
    trip = None
    scene.wire.delay = 0.08
    for size, losses, apart in (("1k", 9, 20), ("16k", 9, 20)):
        before = scene.counters()
        usual, *slow = latencies(scene, size, losses, apart)
        trip = trip or usual
        cost = [(latency - usual) / trip for latency in slow]
        print(f"{size}: {usual:.0f} us, a round trip {trip:.0f} us; the slowest took "
              f"{[round(trips, 1) for trips in cost]} trips more", flush=True)
        assert scene.counters()["resent"] - before.get("resent", 0) >= losses
        assert cost[losses // 2] < 4


def test_garbage(scene):
    """A third of the answers is nonsense. Requests may fail, which the guest is
    told; when that is over the disk works and holds what is written."""
    scene.wire.change = garbage(0.33)
    # Not fio, which ends at the first error.
    scene.client.run(
        "end=$(($(date +%s) + 20)); while [ $(date +%s) -lt $end ]; do "
        "dd if=/dev/xvdb of=/dev/null bs=64k count=8 iflag=direct; "
        "dd if=/dev/zero of=/dev/xvdb bs=64k count=8 seek=64 oflag=direct; "
        "done 2>/dev/null; true", 180)
    changed = scene.wire.changed
    scene.quiet()
    assert changed > 100
    counters = scene.counters()
    assert counters.get("malformed", 0) + counters.get("stale", 0) > 0
    scene.fio("after", "--rw=randwrite", "--bs=16k", "--iodepth=8", mib=4)


def reidentified(scene, sectors):
    """Wait until the guest's disk has this size."""
    scene.client.run(f"for i in $(seq 300); do test $(cat /sys/block/xvdb/size) = "
                     f"{sectors} && exit; sleep 0.2; done; "
                     "cat /sys/block/xvdb/size; exit 1", 90)


def test_size_lies(scene):
    """A target that says it grew, or shrank: the guest is told, requests out of
    range fail, and the truth comes back."""
    true = DISK // 512
    scene.wire.change = size_lie(true * 4)
    reidentified(scene, true * 4)
    done = scene.client.run(f"dd if=/dev/xvdb of=/dev/null bs=4k count=1 "
                            f"skip={DISK // 4096 + 5} iflag=direct 2>&1", 60,
                            check=False)
    assert done.status != 0
    scene.wire.change = size_lie(2048)
    reidentified(scene, 2048)
    scene.client.run("dd if=/dev/xvdb of=/dev/null bs=1M iflag=direct 2>&1", 60)
    scene.wire.change = size_lie((1 << 48) - 1)
    time.sleep(12)
    scene.client.run("cat /sys/block/xvdb/size")
    scene.wire.mend()
    reidentified(scene, true)
    scene.fio("sizes", "--rw=randwrite", "--bs=16k", "--iodepth=8", mib=4)


@pytest.mark.parametrize("buffers,sectors", ((0, 0), (65535, 255), (1, 1)))
def test_config_lies(scene, buffers, sectors):
    """What it says of buffers and frames is used with care, whatever it is."""
    scene.wire.change = config_lie(buffers, sectors)
    scene.wire.unplugged = True
    job = scene.client.start("dd if=/dev/xvdb of=/dev/null bs=64k count=16 "
                             "iflag=direct 2>&1")
    time.sleep(5)
    scene.wire.unplugged = False
    job.wait(120)
    scene.fio("config", "--rw=randwrite", "--bs=16k", "--iodepth=8", mib=2)
    scene.quiet()


def test_disk_errors(scene):
    """Sectors that can't be read or written: these requests fail, others don't."""
    at = 8 << 20
    scene.wire.change = disk_error(at // 512, at // 512 + 7)
    read = "dd if=/dev/xvdb of=/dev/null bs=4k count=1 iflag=direct 2>&1 skip="
    done = scene.client.run(read + str(at // 4096), 60, check=False)
    assert done.status != 0 and "Input/output error" in done.output
    done = scene.client.run("dd if=/dev/zero of=/dev/xvdb bs=4k count=1 "
                            f"oflag=direct 2>&1 seek={at // 4096}", 60, check=False)
    assert done.status != 0
    for other in (at // 4096 - 1, at // 4096 + 1):
        scene.client.run(read + str(other), 60)
    scene.wire.mend()
    scene.client.run(read + str(at // 4096), 60)
    assert scene.counters()["errors"] >= 2


def test_nothing_is_left(scene):
    """After all that: no requests wait, and the root disk saw no error."""
    assert scene.counters("xvda").get("errors", 0) == 0
    scene.client.run("for i in $(seq 150); do set -- $(cat /sys/block/xvdb/inflight); "
                     "test $1$2 = 00 && exit; sleep 0.2; done; echo $*; exit 1", 60)
    assert scene.client.run("systemctl is-system-running", check=False).output == "running"
