# SPDX-License-Identifier: Apache-2.0
"""What the system tests share: VM descriptions, bundles, machines."""
import os
import re
import subprocess

import pytest

import harness

GUESTS = os.path.join(harness.BUILD, "guests")
LOGS = os.path.join(harness.BUILD, "tests")


class Bundle:
    """A boot bundle (cpio, newc) whose members can be changed."""

    def __init__(self, data):
        self.members = []       # [name, mode, data]
        at = 0
        while True:
            fields = [int(data[at + 6 + i * 8:at + 14 + i * 8], 16)
                      for i in range(13)]
            # mvctl aligns the data behind it with more than one NUL.
            name = data[at + 110:at + 110 + fields[11]].split(b"\0")[0]
            name = name.decode()
            at += (110 + fields[11] + 3) & ~3
            if name == "TRAILER!!!":
                break
            self.members.append([name, fields[1], data[at:at + fields[6]]])
            at += (fields[6] + 3) & ~3

    def packed(self):
        out = bytearray()
        for name, mode, data in [*self.members, ["TRAILER!!!", 0, b""]]:
            word = name.encode() + b"\0"
            fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(word), 0)
            out += b"070701" + b"".join(b"%08x" % f for f in fields) + word
            out += bytes(-len(out) % 4) + data
            out += bytes(-len(out) % 4)
        return bytes(out)

    def edit_tree(self, name, edit):
        """Change a description: edit() gets and returns device tree source."""
        for member in self.members:
            if member[0] == name:
                source = dtc("dtb", "dts", member[2]).decode()
                member[2] = dtc("dts", "dtb", edit(source).encode())
                return
        raise KeyError(name)


def dtc(source, target, data):
    return subprocess.run(["dtc", "-q", "-I", source, "-O", target],
                          input=data, check=True, capture_output=True,
                          timeout=20).stdout


class Vms:
    """Writes xl.cfg files and makes bundles of them."""

    def __init__(self, folder):
        self.folder = str(folder)

    def config(self, name, *, memory=160, vcpus=1, ip=None, kernel=None,
               ramdisk="demo.cpio.gz", extra="", vif_more="", **more):
        """Write NAME.cfg. The guest has a network if it has an ip; `vif_more`
        are more settings of its interface. Each RAM disk has its kernel."""
        if kernel is None:
            kernel = "Image-driver-domain" if ramdisk and ramdisk.startswith(
                "driver-domain") else "Image"
        lines = [f'name = "{name}"', f"memory = {memory}", f"vcpus = {vcpus}",
                 f'kernel = "{os.path.join(GUESTS, kernel)}"']
        if ramdisk:
            lines.append(f'ramdisk = "{os.path.join(GUESTS, ramdisk)}"')
        arguments = "console=hvc0"
        if ip:
            arguments += f" mv.ip={ip}/24"
            lines.append("vif = [ 'mac=00:16:3e:00:01:"
                         f"{int(ip.rsplit('.', 1)[1]):02x}"
                         f"{vif_more and ', ' + vif_more}' ]")
        lines.append(f'extra = "{arguments} {extra}"')
        for key, value in more.items():
            lines.append(f"{key} = " + (f'"{value}"' if isinstance(value, str)
                                        else str(value)))
        path = os.path.join(self.folder, f"{name}.cfg")
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        return path

    def disk_domain(self, ramdisk="driver-domain.cpio.gz", words=""):
        """A driver domain "uplink" that has the PCI bus and serves its disks."""
        return self.config("uplink", memory=96, ramdisk=ramdisk,
                           extra=f"quiet cma=0 panic=1 {words}", driver_domain=1,
                           mv_assign=["/pcie@10000000"], mv_watchdog=60,
                           on_poweroff="restart", on_crash="restart")

    def bundle(self, *configs):
        return harness.make_bundle(os.path.join(self.folder, "boot.cpio"),
                                   *configs)

    def changed(self, bundle, change):
        """A copy of a bundle after change(Bundle)."""
        with open(bundle, "rb") as file:
            contents = Bundle(file.read())
        change(contents)
        path = os.path.join(self.folder, "changed.cpio")
        with open(path, "wb") as file:
            file.write(contents.packed())
        return path


@pytest.fixture
def vms(tmp_path):
    return Vms(tmp_path)


@pytest.fixture(scope="module")
def module_vms(tmp_path_factory):
    return Vms(tmp_path_factory.mktemp("vms"))


def log_path(name):
    return os.path.join(LOGS, re.sub(r"[^\w.-]+", "_", name) + ".log")


class Machines:
    """Starts machines; when the test ends, ends them and, if it failed, shows
    the end of their consoles."""

    def __init__(self, name):
        self.name = name
        self.machines = []

    def boot(self, bundle=None, **settings):
        path = log_path(f"{self.name}-{len(self.machines)}"
                        if self.machines else self.name)
        machine = harness.Machine(bundle, log=path, **settings)
        self.machines.append(machine)
        return machine.boot()

    def stop(self):
        for machine in self.machines:
            machine.stop()
            print(f"----- end of {os.path.relpath(machine.log_path)}\n"
                  + machine.tail(40))


@pytest.fixture
def machines(request):
    started = Machines(request.node.name)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def module_machines(request):
    started = Machines(request.module.__name__)
    yield started
    started.stop()
