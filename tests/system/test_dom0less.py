# SPDX-License-Identifier: Apache-2.0
"""VMs described by the machine's own device tree with modules in RAM, in Xen's
dom0less binding and as a boot loader leaves it."""
import os
import re
import subprocess

import pytest

import harness
from conftest import GUESTS, dtc

RAM = 1024
# Where a boot loader would put the files; RAM begins at 1 GiB.
KERNEL_AT = 0x60000000
RAMDISK_AT = 0x64000000


def machine_tree(folder):
    """The device tree that QEMU makes for the machine, as source."""
    path = os.path.join(folder, "machine.dtb")
    command = harness.qemu_command(ram=RAM)
    command[command.index("-machine") + 1] += f",dumpdtb={path}"
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    with open(path, "rb") as file:
        return dtc("dtb", "dts", file.read()).decode()


def size_of(name):
    return os.path.getsize(os.path.join(GUESTS, name))


def module(kind, at, size, extra=""):
    return (f"module@{at:x} {{ compatible = \"multiboot,{kind}\", "
            f"\"multiboot,module\"; reg = <0x0 0x{at:x} 0x{size:x}>; "
            f"{extra} }};")


def domain(name, number, modules, extra=""):
    """As ImageBuilder writes it: two cells of address, one of size."""
    return (f"{name} {{ compatible = \"xen,domain\"; #address-cells = <2>; "
            f"#size-cells = <1>; memory = <0x0 0x28000>; cpus = <1>; {extra} "
            f"{' '.join(modules)} vif {{ compatible = \"mv,vif\"; "
            f"local-mac-address = [00 16 3e 00 02 0{number}]; }}; }};")


def kernel(number):
    return module("kernel", KERNEL_AT, size_of("Image"),
                  f"bootargs = \"console=hvc0 mv.ip=10.0.0.{number}/24\";")


RAMDISK = "demo.cpio.gz"


@pytest.fixture(scope="module")
def machine(tmp_path_factory, module_machines):
    folder = str(tmp_path_factory.mktemp("dom0less"))
    ramdisk = module("ramdisk", RAMDISK_AT, size_of(RAMDISK))
    domains = (
        domain("first", 2, [kernel(2), ramdisk], "xen,enhanced = \"enabled\";"),
        # Both use the same files, which is allowed.
        domain("second", 3, [kernel(3), ramdisk], "vpl011;"),
        domain("overlap", 4, [kernel(4), module(
            "ramdisk", KERNEL_AT + 0x1000, size_of(RAMDISK))]),
        domain("outside", 5, [module("kernel", 0x20000000, 0x1000000)]),
        domain("bare", 6, []),
    )
    source, count = re.subn(r"(\tchosen \{[^{}]*)\};",
                            lambda m: f"{m[1]} {' '.join(domains)} }};",
                            machine_tree(folder))
    assert count == 1
    path = os.path.join(folder, "boot.dtb")
    with open(path, "wb") as file:
        file.write(dtc("dts", "dtb", source.encode()))
    extra = ["-dtb", path]
    for name, at in (("Image", KERNEL_AT), (RAMDISK, RAMDISK_AT)):
        extra += ["-device", f"loader,file={os.path.join(GUESTS, name)},"
                  f"addr=0x{at:x},force-raw=on"]
    return module_machines.boot(ram=RAM, extra=extra)


def test_guests_start(machine):
    for number, name in ((1, "first"), (2, "second")):
        machine.guest(name, number).wait_ready()
    machine.wait_log("2 of 2 VMs are being started, 3 errors")


def test_they_talk(machine):
    machine.guest("first", 1).run("ping -c 3 -i 0.2 -w 20 10.0.0.3")


def test_they_reboot(machine):
    """The modules stay where they are for the next start."""
    guest = machine.guest("first", 1)
    machine.prompt("restart first")
    guest.wait_ready(90, starts=2)
    guest.run("ping -c 3 -i 0.2 -w 20 10.0.0.3")


@pytest.mark.parametrize("name, why", [
    ("overlap", "overlap"),
    ("outside", "isn't in RAM"),
    ("bare", "kernel"),
    ("second", "vpl011"),
])
def test_complaint(machine, name, why):
    assert machine.wait_log(rf"{name}'?:.*({why})", 5)
