# SPDX-License-Identifier: Apache-2.0
"""mvctl bundle: what people type, what they get, what they are told."""

import os
import pathlib
import shutil
import struct
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MVCTL = pathlib.Path(os.environ.get("MVCTL", ROOT / "build/host/mvctl"))


def image(size=4096):
    """The smallest thing that passes for an arm64 kernel."""
    head = bytearray(64)
    struct.pack_into("<QQQ", head, 8, 0, 1 << 20, 0xA)
    head[56:60] = b"ARM\x64"
    return bytes(head) + bytes(range(256)) * ((size - 64) // 256 + 1)


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path)


class Box:
    """A directory with a kernel and a RAM disk, and mvctl run in it."""

    def __init__(self, path):
        self.path = path
        self.write("Image", image())
        self.write("initrd", b"ramdisk" * 100)

    def write(self, name, data):
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, str):
            data = data.encode()
        target.write_bytes(data)
        return target

    def cfg(self, stem, **settings):
        base = {"name": f'"{stem}"', "memory": 64, "kernel": '"Image"'}
        base.update(settings)
        text = "".join(f"{k} = {v}\n" for k, v in base.items() if v is not None)
        self.write(f"{stem}.cfg", text)
        return f"{stem}.cfg"

    def run(self, *args):
        return subprocess.run([str(MVCTL), *args], cwd=self.path, text=True,
                              capture_output=True, timeout=20, check=False)

    def bundle(self, *cfgs):
        return self.run("bundle", "-o", "boot.cpio", *cfgs)

    def list(self):
        r = self.run("bundle", "--list", "boot.cpio")
        assert r.returncode == 0, r.stderr
        return r.stdout

    def refused(self, cfg, *words):
        r = self.bundle(cfg)
        assert r.returncode == 1, r.stdout
        assert not (self.path / "boot.cpio").exists()
        for word in words:
            assert word in r.stderr
        return r.stderr


def members(path):
    """(name, data offset, data) of each member of a newc archive."""
    raw, at, out = path.read_bytes(), 0, []
    while True:
        assert raw[at:at + 6] == b"070701"
        size = int(raw[at + 54:at + 62], 16)
        name_size = int(raw[at + 94:at + 102], 16)
        name = raw[at + 110:at + 110 + name_size].rstrip(b"\0").decode()
        data = (at + 110 + name_size + 3) & ~3
        if name == "TRAILER!!!":
            return out
        out.append((name, data, raw[data:data + size]))
        at = (data + size + 3) & ~3


# --- usage -------------------------------------------------------------------

def test_help(box):
    for args in (["help"], ["--help"], ["-h"]):
        r = box.run(*args)
        assert r.returncode == 0
        assert "bundle" in r.stdout
    assert "--list" in box.run("help", "bundle").stdout
    assert "--list" in box.run("bundle", "--help").stdout
    assert box.run("version").stdout.startswith("mvctl ")


@pytest.mark.parametrize("args", [
    [], ["frob"], ["help", "frob"], ["bundle"], ["bundle", "-o", "x"], ["bundle", "--frob"],
    ["bundle", "-o"], ["bundle", "--list"], ["bundle", "--list", "a", "b"], ["version", "x"],
])
def test_wrong_usage(box, args):
    r = box.run(*args)
    assert r.returncode == 2
    assert r.stderr
    assert r.stdout == ""


# --- what comes out ----------------------------------------------------------

def test_two_vms(box):
    a = box.cfg("a", vcpus=2, ramdisk='"initrd"', extra='"console=hvc0 x"',
                vif="['mac=00:16:3e:00:00:0a']")
    b = box.cfg("b", ramdisk="'initrd'")
    r = box.bundle(a, b)
    assert r.returncode == 0, r.stderr
    assert r.stderr == ""
    assert r.stdout.startswith("boot.cpio: 2 VMs, ")
    out = box.list()
    assert "a: 64 MiB, 2 vCPUs\n" in out
    assert "b: 64 MiB, 1 vCPU\n" in out
    assert "console=hvc0 x" in out
    assert "mac 00:16:3e:00:00:0a" in out
    got = members(box.path / "boot.cpio")
    # Descriptions first, so that a cut bundle still names its VMs; every file once.
    assert [m[0] for m in got] == ["a.dtb", "b.dtb", "boot", "boot/Image", "boot/initrd"]
    assert got[3][2] == image()
    assert got[3][1] % 4096 == 0
    assert got[0][1] % 8 == 0


def test_devices(box):
    cfg = box.cfg("a", mv_assign="['/pcie@10000000', 'gpio0']")
    assert box.bundle(cfg).returncode == 0
    out = box.list()
    assert "    device    /pcie@10000000\n" in out
    assert "    device    gpio0\n" in out
    assert "direct-mapped" in out
    assert box.bundle(box.cfg("b", mv_direct_map=1)).returncode == 0
    assert "direct-mapped" in box.list()
    assert box.bundle(box.cfg("c", mv_direct_map=0)).returncode == 0
    assert "direct-mapped" not in box.list()


def test_same_bytes_each_time(box):
    cfg = box.cfg("a", ramdisk='"initrd"')
    assert box.bundle(cfg).returncode == 0
    first = (box.path / "boot.cpio").read_bytes()
    os.utime(box.path / "Image", (1, 1))
    assert box.bundle(cfg).returncode == 0
    assert (box.path / "boot.cpio").read_bytes() == first


def test_cpio_reads_it(box):
    if shutil.which("cpio") is None:
        pytest.skip("no cpio here")
    assert box.bundle(box.cfg("a", ramdisk='"initrd"')).returncode == 0
    out = box.path / "out"
    out.mkdir()
    with open(box.path / "boot.cpio", "rb") as f:
        subprocess.run(["cpio", "-id", "--quiet"], stdin=f, cwd=out, check=True)
    assert (out / "boot/Image").read_bytes() == image()


def test_paths_count_from_the_cfg(box):
    box.write("sub/Image", image())
    box.write("sub/x.cfg", 'name="x"\nmemory=64\nkernel="Image"\nramdisk="../initrd"\n')
    assert box.bundle("sub/x.cfg").returncode == 0
    assert "boot/initrd" in box.list()


def test_two_files_of_one_name(box):
    other = image(8192)
    box.write("sub/Image", other)
    a = box.cfg("a")
    b = box.cfg("b", kernel='"sub/Image"')
    assert box.bundle(a, b).returncode == 0
    got = {m[0]: m[2] for m in members(box.path / "boot.cpio")}
    assert got["boot/Image"] == image()
    assert got["boot/2-Image"] == other


def test_cfg_syntax(box):
    box.write("s.cfg", "# comment\n"
              "name = 's'; memory = 0x40   # hexadecimal\n"
              "vcpus = \"2\"\n"
              "kernel = \"Image\"\n"
              "extra = \"a=\\\"b c\\\"\"\n"
              "extra += ' d'\n"
              "vif = [ 'mac=00:16:3e:00:00:01',  # first\n"
              "        'mtu=9000, vlan=5,trunk=6:7,queues=1,spoof_check=0',\n"
              "        'uplink=1,uplink_timeout=9',\n"
              "        'uplink=1,model=virtio-net' ]\n"
              "type = \"pvh\"\n"
              "on_crash = 'restart'\n")
    r = box.bundle("s.cfg")
    assert r.returncode == 0, r.stderr
    out = box.list()
    assert "s: 64 MiB, 2 vCPUs" in out
    assert 'a="b c" d' in out
    assert "mtu 9000, vlan 5, trunk 6:7, 1 queues, no spoof check" in out
    assert "mtu 1500, uplink\n" in out
    assert "mtu 1500, uplink, virtio-net\n" in out
    assert "crash restart, watchdog restart" in out
    assert "within" not in out


def test_watchdog(box):
    box.bundle(box.cfg("a", on_crash='"restart"', on_watchdog='"preserve"',
                       mv_watchdog=30))
    assert "crash restart, watchdog preserve\n" in box.list()
    assert "watchdog  within 30 s\n" in box.list()


def test_disks(box):
    cfg = box.cfg("a", disk="['aoe:1.2,raw,xvda,ro', 'vdev=xvdb, target=aoe:1.3, "
                  "iops=100,kib_per_s=2048,outage=60,queues=1']")
    r = box.bundle("--storage", "vlan=100,mtu=9000,mac=02:00:00:00:00:01,reserve=1,mask=1", cfg)
    assert r.returncode == 0, r.stderr
    out = box.list()
    assert "storage network: VLAN 100, MTU 9000, reserves its targets, enters itself in MAC masks" in out
    assert "xvda      aoe:1.2, read-only" in out
    assert "xvdb      aoe:1.3, 1 queues, 100 IOPS, 2048 KiB/s, waits 60 s" in out


def test_driver_domain(box):
    box.refused(box.cfg("b", driver_domain=1), "needs devices")
    dd = box.cfg("uplink", driver_domain=1, mv_assign="['/pcie@10000000']")
    a = box.cfg("a", disk="['dd:uplink/nvme0n1p2,raw,xvda,ro']")
    box.refused(a, "there is no driver domain 'uplink' for target 'dd:uplink/nvme0n1p2'")
    r = box.bundle(dd, a)
    assert r.returncode == 0, r.stderr
    assert "disks     a driver domain" in box.list()
    assert "xvda      dd:uplink/nvme0n1p2, read-only" in box.list()


def test_disk_without_storage(box):
    err = box.refused(box.cfg("a", disk="['aoe:1.2,raw,xvda,ro']"), "needs a storage network")
    assert "disk 'xvda'" in err


@pytest.mark.parametrize("text,word", [
    ("mtu=9000", "--storage: error: vlan= is missing"),
    ("vlan=0", "vlan=0: it must be 1 to 4094"),
    ("vlan=5,mtu=500", "mtu=500: it must be 1500"),
    ("vlan=5,mac=01:00:00:00:00:00", "isn't the address of a single interface"),
    ("vlan", "'vlan' isn't key=value"),
    ("vlan=5,x=1", "x= isn't supported"),
])
def test_refused_storage(box, text, word):
    r = box.bundle("--storage", text, box.cfg("a"))
    assert r.returncode == 1
    assert word in r.stderr


def test_command_lines(box):
    def args(**settings):
        assert box.bundle(box.cfg("a", **settings)).returncode == 0
        lines = [x for x in box.list().splitlines() if x.startswith("    args")]
        return lines[0].split(None, 1)[1] if lines else ""

    assert args() == ""
    assert args(extra='"ro quiet"') == "ro quiet"
    assert args(root='"/dev/xvda1"', extra='"ro"') == "root=/dev/xvda1 ro"
    assert args(root='"/dev/xvda1"') == "root=/dev/xvda1"
    assert args(cmdline='"whole"', extra='"ignored"') == "whole"


# --- what is refused ---------------------------------------------------------

@pytest.mark.parametrize("key,value,word", [
    ("disk", "['phy:/dev/vg/x,raw,xvda,w']", "disk: target 'phy:/dev/vg/x' isn't supported"),
    ("disk", "['vdev=sda,target=aoe:1.2']", "disk: vdev 'sda' isn't supported"),
    ("disk", "['vdev=xvda,target=aoe:1.2,format=qcow2']", "disk: format 'qcow2'"),
    ("disk", "['vdev=xvda,target=aoe:1.2,access=x']", "disk: access 'x'"),
    ("disk", "['vdev=xvda,target=aoe:1.2,devtype=cdrom']", "disk: devtype 'cdrom'"),
    ("disk", "['vdev=xvda,target=aoe:1.2,iops=0']", "iops=0: it must be 1 to"),
    ("disk", "['vdev=xvda,target=aoe:1.2,colour=red']", "disk: colour= isn't supported"),
    ("disk", "['vdev=xvda']", "disk: 'vdev=xvda' has no target"),
    ("disk", "['target=aoe:1.2']", "has no vdev"),
    ("disk", "'x'", "'disk' must be a list"),
    ("pci", "['01:00.0']", "'pci' isn't supported yet"),
    ("type", '"hvm"', "isn't supported: every VM is PVH"),
    ("vcpus", "0", "'vcpus' is 0; it must be 1 to 8"),
    ("vcpus", "9", "'vcpus' is 9"),
    ("memory", '"lots"', "'memory' must be a number"),
    ("memory", "0", "'memory' is 0"),
    ("maxmem", "128", "'maxmem' other than 'memory' isn't supported"),
    ("maxvcpus", "4\nvcpus = 2", "'maxvcpus' other than 'vcpus' isn't supported"),
    ("on_crash", '"coredump-destroy"', "on_crash 'coredump-destroy' isn't supported"),
    ("vif", "['rate=10Mb/s']", "vif: rate= isn't supported"),
    ("vif", "['mac=00:16:3e']", "vif: mac=00:16:3e isn't a MAC address"),
    ("vif", "['mac=01:16:3e:00:00:01']", "is a group address"),
    ("vif", "['vlan=4095']", "vif: vlan=4095"),
    ("vif", "['trunk=5:x']", "vif: trunk=x"),
    ("vif", "['up']", "vif: 'up' isn't key=value"),
    ("vif", "'mac=00:16:3e:00:00:01'", "'vif' must be a list"),
    ("cpus", '"64"', "'cpus' takes"),
    ("cpus", '["0"]\nvcpus = 2', "'cpus' lists fewer CPUs"),
    ("uuid", '"123"', "isn't a UUID"),
    ("mv_assign", '"/pcie@10000000"', "'mv_assign' must be a list"),
    ("mv_assign", "['/a', '']", "'mv_assign' takes paths or aliases"),
    ("mv_assign", "['/a', '/b', '/c', '/d', '/e']", "more than 4 devices"),
    ("mv_direct_map", "2", "'mv_direct_map' is 2"),
    ("kernel", '"nowhere"', "nowhere: No such file"),
    ("kernel", '"."', ".: Invalid argument"),
])
def test_refused_key(box, key, value, word):
    cfg = box.cfg("a", **{key: value})
    err = box.refused(cfg, word)
    line = 1 + [x.split(" ")[0] for x in (box.path / cfg).read_text().splitlines()].index(key)
    assert f"{cfg}:{line}: error: " in err or f"{cfg}:{line + 1}: error: " in err


def test_missing_keys(box):
    for key in ("name", "memory", "kernel"):
        box.refused(box.cfg("a", **{key: None}), f"a.cfg: error: '{key}' is missing")


def test_all_faults_at_once(box):
    err = box.refused(box.cfg("a", vcpus=99, disk="['x']", cap=-1))
    assert err.count("error:") == 3


@pytest.mark.parametrize("text,line,word", [
    ("name = 'x\n", 1, "the string isn't closed"),
    ("name = x\n", 1, "expected a string in quotes"),
    ("\nname 'x'\n", 2, "expected = after the key"),
    ("name = 'x' 'y'\n", 1, "more text after the value"),
    ("vif = [ 'a'\n 'b' ]\n", 2, "expected , or ] in a list"),
    ("vif = [ 'a',\n", 2, "expected a string"),
    ("memory = 12q\n", 1, "not a number"),
    ("name = '\\q'\n", 1, "unknown escape"),
    ("= 3\n", 1, "expected a key"),
    ("a = [[[[[[ ]]]]]]\n", 1, "lists are nested too deeply"),
    ("memory = 99999999999999999999\n", 1, "not a number"),
])
def test_syntax_errors(box, text, line, word):
    box.write("s.cfg", text)
    box.refused("s.cfg", f"s.cfg:{line}: error: {word}")


def test_binary_cfg(box):
    box.write("s.cfg", bytes(range(256)) * 8)
    box.refused("s.cfg", "s.cfg:1: error: ")


def test_model(box):
    box.refused(box.cfg("a", vif="['model=virtio-net']"), "is for uplinks only")


def test_warnings(box):
    cfg = box.cfg("a", frobnicate=1, acpi=1, vif="['bridge=xenbr0']")
    r = box.bundle(cfg)
    assert r.returncode == 0
    assert "a.cfg:4: warning: unknown key 'frobnicate'" in r.stderr
    assert "a.cfg:5: warning: 'acpi' makes no difference" in r.stderr
    assert "a.cfg:6: warning: vif: bridge= is ignored" in r.stderr
    r = box.bundle(box.cfg("a", vif="['model=e1000']"))
    assert r.returncode == 0
    assert "a.cfg:4: warning: vif: model=e1000 is ignored" in r.stderr


# --- what the hypervisor would refuse ------------------------------------------

def test_not_a_kernel(box):
    cfg = box.cfg("a", kernel='"initrd"')
    box.refused(cfg, "vm 'a': kernel 'boot/initrd': not an arm64 Image")
    box.write("empty", b"")
    box.refused(box.cfg("a", kernel='"empty"'), "vm 'a': kernel 'boot/empty' is empty")
    box.write("gz", b"\x1f\x8b" + bytes(100))
    box.refused(box.cfg("a", kernel='"gz"'), "compressed with gzip")


def test_collisions(box):
    mac = "['mac=00:16:3e:00:00:01']"
    a = box.cfg("a", vif=mac)
    b = box.cfg("b", vif=mac)
    r = box.bundle(a, b)
    assert r.returncode == 1
    assert "vm 'b': MAC 00:16:3e:00:00:01 of vif 0 is that of vif 0 of vm 'a'" in r.stderr
    c = box.cfg("c", mv_assign="['/pcie@10000000']")
    d = box.cfg("d", mv_assign="['/gpio', '/pcie@10000000']")
    r = box.bundle(c, d)
    assert r.returncode == 1
    assert "vm 'd': device '/pcie@10000000' belongs to vm 'c'" in r.stderr
    r = box.bundle(a, a)
    assert r.returncode == 1
    assert "vm 'a': there is another VM of this name" in r.stderr
    # For tests of the hypervisor: write it all the same.
    assert box.run("bundle", "--no-check", "-o", "boot.cpio", a, b).returncode == 0
    assert (box.path / "boot.cpio").exists()


def test_odd_names(box):
    box.refused(box.cfg("a", name="'../../x'"), "a VM's name can't have a /")
    box.refused(box.cfg("a", name="'a b'"), "bad name")
    box.refused(box.cfg("a", name="'" + "n" * 64 + "'"), "it takes 1 to 63 bytes")


def test_list_of_bad_bundles(box):
    assert box.bundle(box.cfg("a", ramdisk='"initrd"')).returncode == 0
    whole = (box.path / "boot.cpio").read_bytes()
    box.write("boot.cpio", whole[:4096 + 100])
    r = box.run("bundle", "--list", "boot.cpio")
    assert r.returncode == 1
    assert "vm 'a': kernel 'boot/Image' is cut off: the bundle is truncated" in r.stderr
    for data in (b"", b"hello", b"\x1f\x8b" + bytes(10)):
        box.write("boot.cpio", data)
        r = box.run("bundle", "--list", "boot.cpio")
        assert r.returncode == 1
        assert "not a bundle" in r.stderr


def test_output_that_cannot_be_written(box):
    cfg = box.cfg("a")
    r = box.run("bundle", "-o", "no/such/dir/boot.cpio", cfg)
    assert r.returncode == 1
    assert "no/such/dir/boot.cpio: error: " in r.stderr
    assert "2 VMs" not in r.stdout


def test_full_device(box):
    cfg = box.cfg("a")
    with open("/dev/full", "w") as full:
        r = subprocess.run([str(MVCTL), "bundle", "-o", "boot.cpio", cfg], cwd=box.path,
                           stdout=full, stderr=subprocess.PIPE, timeout=20, check=False)
    assert r.returncode == 1
