# SPDX-License-Identifier: Apache-2.0
"""Devices of the machine that belong to a VM: who gets them, who doesn't, and
what is left of them when it ends."""
import re

import pytest

import conftest

HOST = "['/pcie@10000000']"
EDU = ["-device", "edu,dma_mask=0xffffffffffff"]
# A bridge, and behind it a device that can be reset by itself.
DEEP = [*EDU, "-device", "pcie-root-port,id=rp,chassis=1",
        "-device", "virtio-net-pci,bus=rp,romfile="]
BARE = {"kernel": "bare/pci.img", "ramdisk": None, "memory": 32, "vcpus": 2,
        "on_crash": "destroy"}


def config(vms, name, devices=HOST, **more):
    """As vms.config(), with devices."""
    path = vms.config(name, **more)
    with open(path, "a", encoding="ascii") as file:
        file.write(f"mv_assign = {devices}\n")
    return path


def wait_off(machine, name, timeout=30):
    machine.wait_for(lambda: any(re.search(rf"\boff\b.*\b{name}$", line)
                                 for line in machine.prompt("list")),
                     timeout, f"{name} is not off")


def test_reboots(vms, machines):
    """A guest reboots with its device at work: interrupts raised, DMA under
    way. It comes back each time, to the same RAM, and nothing is lost."""
    machine = machines.boot(vms.bundle(
        config(vms, "loop", extra="mode=loop", on_reboot="restart", **BARE)),
        ram=512, extra=DEEP)
    guest = machine.guest("loop", 1)

    def loops():
        return guest.lines.count("LOOP")

    machine.wait_for(lambda: loops() >= 3, 60, "it did not come back twice")
    ram = [line for line in machine.prompt("info loop") if "RAM" in line]
    assert ram
    memory = []
    for _ in range(3):
        machine.prompt("destroy loop")
        wait_off(machine, "loop")
        memory.append(machine.prompt("memory"))
        count = loops()
        machine.prompt("start loop")
        machine.wait_for(lambda: loops() > count, 60, "it did not start")
    assert memory[0] == memory[1] == memory[2]
    assert [line for line in machine.prompt("info loop")
            if "RAM" in line] == ram
    assert not [line for line in guest.lines if line.startswith("FAIL")]
    assert not machine.panic


def test_who_gets_it(vms, machines):
    """Of several that want the same, one gets it; all complaints name the VM
    and the device."""
    names = {"second": "['/pcie']", "uart": "['/pl011@9000000']",
             "none": "['/nothing@0']", "part": "['/virtio_mmio@a000000']",
             "gic": "['/intc@8000000']", "twin": "['/pl061@9030000']"}
    bundle = vms.changed(vms.bundle(
        config(vms, "owner", **BARE),
        *(config(vms, name, devices, **BARE)
          for name, devices in names.items())),
        lambda b: b.edit_tree("twin.dtb", lambda s: s.replace(
            "/pl061@9030000", "/pcie@10000000")))
    machine = machines.boot(bundle, ram=512, extra=EDU)
    for words in (("second", "'/pcie'", "owner's"),
                  ("uart", "'/pl011@9000000'", "used by the hypervisor"),
                  ("none", "'/nothing@0'", "no such node"),
                  ("part", "'/virtio_mmio@a000000'", "whole pages"),
                  ("gic", "'/intc@8000000'", "whole machine"),
                  ("vm 'twin'", "'/pcie@10000000'", "vm 'owner'")):
        machine.wait_for(
            lambda: any(line.level == "ERROR" and
                        all(word in line.text for word in words)
                        for line in machine.log_lines),
            20, f"no message with {words}")
    guest = machine.guest("owner", 1)
    end = guest.wait_line(r"END pci (\d+) passed, (\d+) failed", 60)
    assert end[2] == "0" and end[1] != "0"


PARTIAL = b"""/dts-v1/;
/ { passthrough { compatible = "simple-bus"; ranges;
	pcie { xen,path = "/pcie@10000000"; xen,force-assign-without-iommu; };
}; };
"""


def test_partial_tree(vms, machines):
    """A device that is named as Xen's users name it."""
    def change(bundle):
        bundle.members.append(["boot/partial", 0o100644,
                               conftest.dtc("dts", "dtb", PARTIAL)])
        bundle.edit_tree("xen.dtb", lambda s: s.replace(
            "\t\t\tkernel {", '\t\t\tdt { compatible = "multiboot,device-tree";'
            ' file = "boot/partial"; };\n\t\t\tkernel {', 1))

    bundle = vms.changed(vms.bundle(vms.config("xen", **BARE)), change)
    machine = machines.boot(bundle, ram=512, extra=EDU)
    end = machine.guest("xen", 1).wait_line(
        r"END pci (\d+) passed, (\d+) failed", 60)
    assert end[2] == "0" and end[1] != "0"


def test_no_room(vms, machines):
    machine = machines.boot(vms.bundle(
        config(vms, "big", **{**BARE, "memory": 2048}),
        vms.config("small", **BARE)), ram=512, extra=EDU)
    machine.wait_log(r"big: there are no 2048 MiB in 4 contiguous pieces", 20)
    machine.wait_log(r"small \(d1\) started", 20)


@pytest.mark.parametrize("cpu", ["cortex-a57", "max"])
def test_debian(vms, machines, cpu):
    """Linux finds the devices behind the host, gives them addresses, and
    its driver of the bridge has the machine's interrupt; again after a reboot."""
    machine = machines.boot(vms.bundle(config(vms, "dd", vcpus=2)), ram=1024,
                            cpu=cpu, extra=DEEP)
    guest = machine.guest("dd", 1)
    for starts in (1, 2):
        guest.wait_ready(120 if cpu != "max" else 240, starts)
        devices = guest.run("cd /sys/bus/pci/devices && "
                            "grep -H . */vendor */device").output
        assert re.search(r"0000:00:01.0/device:0x11e8", devices)
        assert re.search(r"0000:01:00.0/vendor:0x1af4", devices)
        first = guest.run("head -1 /sys/bus/pci/devices/0000:00:01.0/resource")
        assert int(first.output.split()[0], 16) >= 0x10000000
        interrupts = guest.run("cat /proc/interrupts").output
        assert re.search(r"GICv3 +3[5-8] +Level .*(PME|pciehp)", interrupts)
        if starts == 1:
            guest.start("reboot -f")


def test_beside_others(vms, machines):
    """A guest without devices finds none of them, while the owner works."""
    stranger = {**BARE, "kernel": "bare/stranger.img"}
    machine = machines.boot(vms.bundle(
        config(vms, "owner", **BARE), vms.config("other", **stranger)),
        ram=512, extra=EDU)
    for number, (name, program) in enumerate((("owner", "pci"),
                                              ("other", "stranger")), 1):
        end = machine.guest(name, number).wait_line(
            rf"END {program} (\d+) passed, (\d+) failed", 60)
        assert end[2] == "0" and end[1] != "0"
    assert not machine.panic
