# SPDX-License-Identifier: Apache-2.0
"""Disks of unmodified guests: blkfront here, a real AoE server (vblade) in
another guest, whose file lies in its memory."""
import re

import pytest

DISK = 64               # MiB
SERVER = "vblade -b 64 1 2 eth0 /tmp/disk"


class Scene:
    def __init__(self, machine, server, client):
        self.machine, self.server, self.client = machine, server, client
        self.blade = None

    def serve(self):
        self.blade = self.server.start(SERVER)
        self.blade.wait_line(r"pid|e1\.2|sectors", 30)

    def stop_serving(self):
        self.blade.kill()
        self.blade.wait(check=False)

    def counter(self, name):
        for line in self.machine.prompt("volumes client.xvda"):
            match = re.fullmatch(rf" +{name} +(\d+)", line)
            if match:
                return int(match[1])
        return 0

    def wait_disk(self):
        self.client.run("for i in $(seq 300); do test -b /dev/xvda && exit; "
                        "usleep 100000; done; exit 1", 60)

    def write_and_compare(self, mib, seek=0):
        """Random data to the disk, past the page cache, and back; what the
        server has is the same."""
        sums = self.client.run(
            f"dd if=/dev/urandom of=/tmp/x bs=1M count={mib} 2>/dev/null; "
            f"dd if=/tmp/x of=/dev/xvda bs=1M seek={seek} oflag=direct "
            "2>/dev/null && sync && "
            f"dd if=/dev/xvda bs=64k skip={seek * 16} count={mib * 16} "
            "iflag=direct 2>/dev/null | sha256sum && sha256sum </tmp/x",
            120).output.split()
        assert sums[0] == sums[2]
        there = self.server.run(
            f"dd if=/tmp/disk bs=1M skip={seek} count={mib} 2>/dev/null | "
            "sha256sum").output.split()[0]
        assert there == sums[0]


def configs(vms, vcpus):
    """The server, and the client with so many vCPUs."""
    return (vms.config("server", memory=320, ramdisk="storage.cpio.gz",
                       extra="mv.ip=10.0.9.2/24 mv.mtu=9000",
                       vif=["mac=00:16:3e:00:09:02,vlan=100"]),
            vms.config("client", memory=256, vcpus=vcpus, ip="10.0.0.3",
                       ramdisk="storage.cpio.gz",
                       disk=["vdev=xvda, format=raw, access=rw, "
                             "target=aoe:1.2"]))


@pytest.fixture(scope="module")
def scene(module_vms, module_machines):
    bundle = module_vms.bundle(
        "--storage", "vlan=100,mtu=9000,reserve=1,mask=1",
        *configs(module_vms, vcpus=2))
    machine = module_machines.boot(bundle, ram=1024)
    server, client = [machine.guest(name, number)
                      for number, name in enumerate(("server", "client"), 1)]
    scene = Scene(machine, server.wait_ready(), client)
    # The target is late: the client's driver waits for it.
    client.wait_line("xenbus_probe_frontend: Waiting for devices", 60)
    server.run(f"dd if=/dev/zero of=/tmp/disk bs=1M count={DISK}")
    scene.serve()
    client.wait_ready()
    return scene


def test_late_target(scene):
    """The VM was up before its target."""
    scene.wait_disk()
    assert scene.client.run("cat /sys/block/xvda/size").output == \
        str(DISK * 2048)
    scene.machine.wait_log(r"aoe:1\.2: 64 MiB, 1 paths, 64 buffers, 17 sectors")


def test_data(scene):
    scene.write_and_compare(16)
    scene.write_and_compare(1, DISK - 1)
    assert scene.counter("errors") == 0


def test_ext4(scene):
    output = scene.client.run(
        "/usr/bin/mke2fs -q -t ext4 /dev/xvda && mkdir -p /mnt && "
        "mount -t ext4 /dev/xvda /mnt && cp /bin/busybox /mnt/ && "
        "for i in $(seq 200); do echo $i >/mnt/f$i; done && sync && "
        "umount /mnt && /usr/bin/e2fsck -fn /dev/xvda && "
        "mount -t ext4 /dev/xvda /mnt && cmp /bin/busybox /mnt/busybox && "
        "cat /mnt/f200 && umount /mnt", 120).output
    assert output.split()[-1] == "200"
    assert scene.counter("flushes") > 0


def test_module_reload(scene):
    for _ in range(3):
        scene.client.run(
            "for d in /sys/bus/xen/drivers/vbd/vbd-*; do "
            "echo ${d##*/} >/sys/bus/xen/drivers/vbd/unbind; done && "
            "rmmod xen_blkfront && ! test -b /dev/xvda && "
            "insmod /lib/modules/xen-blkfront.ko", 60)
        scene.wait_disk()
        scene.write_and_compare(2)


def test_loss(scene):
    """The server loses 5 % of its answers."""
    scene.server.run("/usr/bin/tc qdisc add dev eth0 root netem loss 5%")
    scene.write_and_compare(8)
    scene.server.run("/usr/bin/tc qdisc del dev eth0 root")
    assert scene.counter("resent") > 0
    assert scene.counter("errors") == 0


def latencies(machine):
    """How many requests took less than so many microseconds."""
    return {int(match[1]): int(match[2]) for match in
            (re.fullmatch(r" +below +(\d+) us +(\d+)", line)
             for line in machine.prompt("volumes client.xvda")) if match}


def test_lost_answers_cost_little(vms, machines):
    """One CPU, counted in instructions, and answers that take 150 us more: a round
    trip of 4 KiB takes 0.2 ms, of eight frames 0.3 to 0.5 ms. A loss costs
    less than 4 round trips, but for an answer that is lost twice."""
    machine = machines.boot(vms.bundle("--storage", "vlan=100,mtu=9000",
                                       *configs(vms, vcpus=1)),
                            cpus=1, ram=1024, icount=True)
    server, client = [machine.guest(name, number).wait_ready(200)
                      for number, name in enumerate(("server", "client"), 1)]
    server.run(f"dd if=/dev/zero of=/tmp/disk bs=1M count={DISK}")
    scene = Scene(machine, server, client)
    scene.serve()
    scene.wait_disk()
    seek = 0
    for loss in ("", "loss 3%"):
        server.run("/usr/bin/tc qdisc replace dev eth0 root netem "
                   f"delay 150us limit 1000 {loss}")
        for size, usual, slow in ((4, 256, 1024), (64, 512, 2048)):
            before, resent = latencies(machine), scene.counter("resent")
            # Nothing is written twice: that waits until the first time is over.
            client.run(f"dd if=/dev/zero of=/dev/xvda bs={size}k count=400 "
                       f"seek={seek // size} oflag=direct", 60)
            seek += 400 * size
            resent = scene.counter("resent") - resent
            took = {below: count - before.get(below, 0)
                    for below, count in latencies(machine).items()}
            lost = sum(count for below, count in took.items() if below > usual)
            twice = sum(count for below, count in took.items() if below > slow)
            print(f"{size} KiB {loss}: {took}, {resent} frames sent again")
            assert sum(took.values()) == 400
            if loss:
                assert resent > 5 and lost > 0
                assert twice <= resent / 10
            else:
                assert lost == 0


def test_server_restart(scene):
    """Requests wait while the server is away, and none is lost."""
    job = scene.client.start(
        "dd if=/dev/urandom of=/tmp/y bs=1M count=24 2>/dev/null; "
        "dd if=/tmp/y of=/dev/xvda bs=256k oflag=direct 2>/dev/null && "
        "dd if=/dev/xvda bs=1M count=24 iflag=direct 2>/dev/null | sha256sum "
        "&& sha256sum </tmp/y")
    scene.stop_serving()
    scene.machine.wait_log(r"aoe:1\.2 doesn't answer", 60)
    scene.server.run("sleep 2")
    assert job.status is None
    scene.serve()
    sums = job.wait(120).output.split()
    assert sums[0] == sums[2]
    assert scene.counter("outages") >= 1
    assert scene.counter("errors") == 0


def test_resize(scene):
    scene.stop_serving()
    scene.server.run("dd if=/dev/zero bs=1M count=16 >>/tmp/disk")
    scene.serve()
    scene.client.run(
        f"for i in $(seq 300); do test $(cat /sys/block/xvda/size) = "
        f"{(DISK + 16) * 2048} && exit; usleep 100000; done; exit 1", 60)
    scene.write_and_compare(1, DISK + 15)


def test_volumes_command(scene):
    lines = scene.machine.prompt("volumes")
    assert re.search(r"client\.xvda +aoe:1\.2 +80 rw", "\n".join(lines))


def test_unplug(scene):
    scene.machine.prompt("unplug client xvda")
    scene.client.run("for i in $(seq 100); do test -b /dev/xvda || exit 0; "
                     "usleep 100000; done; exit 1", 30)
    assert not re.search(r"client\.xvda",
                         "\n".join(scene.machine.prompt("volumes")))
