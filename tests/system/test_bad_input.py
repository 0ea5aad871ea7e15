# SPDX-License-Identifier: Apache-2.0
"""Bad descriptions and bundles: a message that names the VM and the reason,
while every other VM starts and runs."""
import re

import pytest

NAMES = ("good", "nokernel", "notimage", "huge", "twin", "samemac", "nocpus",
         "odd", "cut", "last")


def set_property(name, value):
    """An edit of a description's source: NAME = VALUE in its VM."""
    def edit(source):
        return re.sub(rf"\t{name} = [^;]*;", f"\t{name} = {value};", source)
    return edit


def spoil(bundle):
    """Give each VM after the first one its own defect."""
    edit = bundle.edit_tree
    edit("nokernel.dtb", lambda s: s.replace("boot/Image", "boot/missing"))
    bundle.members.append(["boot/text", 0o100644, b"no kernel\n" * 1000])
    edit("notimage.dtb", lambda s: s.replace("boot/Image", "boot/text"))
    edit("huge.dtb", set_property("memory", "<0x0 0x4000000>"))
    edit("twin.dtb", lambda s: s.replace('"twin"', '"good"'))
    edit("samemac.dtb", lambda s: s.replace("00 16 3e 00 01 06",
                                            "00 16 3e 00 01 02"))
    edit("nocpus.dtb", set_property("cpus", "<0>"))
    edit("odd.dtb", lambda s: s.replace("\tcpus", "\tmv,colour = \"red\";\n"
                                        "\tcpus", 1))
    for member in bundle.members:
        if member[0] == "cut.dtb":
            member[2] = member[2][:100]


@pytest.fixture(scope="module")
def machine(module_vms, module_machines):
    vms = module_vms
    bundle = vms.bundle(*(
        vms.config(name, memory=128,
                   ip=f"10.0.0.{number}" if name in ("good", "samemac")
                   else None)
        for number, name in enumerate(NAMES, 2)
        for number in [{"good": 2, "samemac": 6}.get(name, number)]))
    machine = module_machines.boot(vms.changed(bundle, spoil), ram=2048)
    machine.wait_log(r"VMs? (are|is) being started", 60)
    return machine


def complaint(machine, *words):
    """A log line of the levels for people that has all these words."""
    def matches(line):
        return (line.level in ("ERROR", "WARN", "NOTICE") and
                all(re.search(word, line.text, re.I) for word in words))
    machine.wait_for(lambda: any(map(matches, machine.log_lines)), 10,
                     f"no message with {words}")


@pytest.mark.parametrize("name, reason", [
    ("nokernel", "kernel|boot/missing"),
    ("notimage", "not an arm64 Image"),
    ("huge", r"needs \d+ MiB, \d+ MiB are free"),
    ("good", "name"),
    ("samemac", "MAC"),
    ("nocpus", "cpu"),
    ("odd", "mv,colour"),
    ("cut.dtb", "."),
])
def test_complaint(machine, name, reason):
    complaint(machine, name, reason)


@pytest.mark.parametrize("name", ["good", "odd", "last"])
def test_others_start(machine, name):
    machine.wait_for(lambda: name in machine.guests and
                     machine.guests[name].starts == 1, 120,
                     f"{name} did not start")


def test_bad_ones_do_not(machine):
    text = "\n".join(machine.prompt("list"))
    for name in ("nokernel", "notimage", "huge", "nocpus"):
        assert not re.search(rf"running.*\b{name}$", text, re.M), text


@pytest.mark.parametrize("part", ["header", "description", "kernel",
                                  "ramdisk"])
def test_truncated_bundle(vms, machines, part):
    whole = vms.bundle(vms.config("a"))
    with open(whole, "rb") as file:
        data = file.read()
    end = {"header": 50, "description": 700, "kernel": 10 << 20,
           "ramdisk": len(data) - (1 << 20)}[part]
    with open(whole, "wb") as file:
        file.write(data[:end])
    machine = machines.boot(whole, ram=1024)
    complaint(machine, "trunc|cut|end|short|incomplete|not a")
    assert machine.prompt("version")


def test_garbage_bundle(vms, machines):
    whole = vms.bundle(vms.config("a"))
    with open(whole, "wb") as file:
        file.write(bytes(range(256)) * 4096)
    machine = machines.boot(whole, ram=512)
    complaint(machine, "bundle|initrd|cpio")
    assert machine.prompt("version")
