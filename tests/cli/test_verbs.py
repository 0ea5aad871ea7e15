# SPDX-License-Identifier: Apache-2.0
"""mvctl's verbs against a node: the hypervisor's core in a process."""

import hashlib
import json
import subprocess

import pytest

from segment import MVCTL, until


@pytest.fixture
def web(shared):
    """A VM that is gone afterwards."""
    cfg = shared.cfg("web", vcpus=2, ramdisk='"initrd"', vif="['mac=00:16:3e:00:00:02']",
                     extra='"console=hvc0"')
    shared.mvctl("create", cfg)
    yield shared
    for name in shared.vms():
        shared.mvctl("destroy", "--wait", name)


# --- without a node ----------------------------------------------------------

@pytest.mark.parametrize("args", [
    ["list", "x"], ["create"], ["create", "a", "b"], ["destroy"], ["destroy", "--frob", "a"],
    ["rename", "a"], ["mem-set", "a"], ["mem-set", "a", "3"], ["mem-set", "a", "x"],
    ["vcpu-set", "a", "0"], ["vcpu-set", "a", "9"], ["vcpu-pin", "a", "8", "0"],
    ["vcpu-pin", "a", "0", "3-1"], ["sched"], ["sched", "a", "-w", "0"], ["sched", "a", "-c", "801"],
    ["network-attach"], ["network-detach", "a"], ["network-list"], ["block-list"],
    ["block-attach", "a"], ["block-detach", "a", "b" * 16], ["console"], ["top", "-d", "0"],
    ["dmesg", "x"], ["events", "-n", "x"], ["image"], ["image", "push"], ["image", "list", "x"],
    ["image", "frob"], ["ports", "x"], ["counters", "a"], ["capture"], ["capture", "-s", "70000", "1"],
    ["exporter"], ["node", "poweroff"], ["node", "frob"], ["discover", "-w", "x"],
    ["list", "-o", "xml"], ["list", "--timeout", "0"], ["list", "--vlan", "4095"],
    ["list", "--mac", "01:00:00:00:00:00"], ["list", "-t"], ["hub"], ["keygen", "a", "b"],
    ["reboot", "--wait", "a"],
])
def test_wrong_usage(segment, args):
    error = segment.mvctl(*args, status=2)
    assert error.startswith("mvctl")


def test_help_of_every_verb(segment):
    text = segment.mvctl("help")
    verbs = [line.split()[0] for line in text.split("verbs:")[1].split("options")[0].splitlines()
             if line.startswith("  ")]
    assert len(verbs) > 30
    for verb in verbs:
        assert segment.mvctl("help", verb).startswith("usage: mvctl")
        assert segment.mvctl(verb, "--help").startswith("usage: mvctl")


def test_no_transport(segment):
    del segment.env["MVCTL_TRANSPORT"]
    assert "no transport" in segment.mvctl("list", status=2)
    assert "a transport is" in segment.mvctl("-t", "tcp:x", "list", status=1)
    assert "No such device" in segment.mvctl("-t", "eth:nix0", "list", status=1)


def test_nobody_there(segment):
    segment.start(nodes=())
    assert "no node" in segment.mvctl("--timeout", "1", "list", status=3)
    assert "no node" in segment.mvctl("--timeout", "1", "-N", "x", "list", status=3)
    assert "no node" in segment.mvctl("discover", status=3)


# --- seeing --------------------------------------------------------------------

def test_discover(shared):
    assert "node-1" in shared.mvctl("discover")
    nodes = shared.json("discover")["nodes"]
    assert [n["node"] for n in nodes] == ["node-1"]
    assert nodes[0]["node_id"].startswith("6e6f64652d31")
    assert nodes[0]["keyed"] is False


def test_info(shared):
    info = shared.json("info")
    assert info["schema"] == 1
    assert info["node"] == info["info"]["name"] == "node-1"
    assert info["info"]["cpus"] == 2
    assert info["info"]["memory_free_bytes"] < info["info"]["memory_bytes"]
    assert "node-1" in shared.mvctl("info")


@pytest.mark.parametrize("verb,key", [("ports", "ports"), ("fdb", "fdb"), ("cpus", "cpus"),
                                      ("counters", "counters")])
def test_lists(shared, verb, key):
    assert len(shared.json(verb)[key]) > 0
    assert len(shared.mvctl(verb).splitlines()) > 1


def test_ports_and_counters_of_one(shared):
    ports = {p["name"]: p for p in shared.json("ports")["ports"]}
    assert ports["wire"]["uplink"] is True
    assert ports["mgmt"]["mgmt"] is True
    counters = shared.json("counters", str(ports["mgmt"]["port"]))["counters"]
    assert {c["name"]: c["value"] for c in counters}["tx_frames"] > 0


def test_dmesg(shared):
    assert "node 'node-1' answers" in shared.mvctl("dmesg")
    lines = [json.loads(line) for line in shared.mvctl("dmesg", "-o", "json").splitlines()]
    assert any("node 'node-1' answers" in line["line"] for line in lines)


def test_node_by_id(shared):
    assert shared.json("-N", "6e6f64", "info")["node"] == "node-1"
    assert "no node" in shared.mvctl("--timeout", "1", "-N", "6e6f65", "info", status=3)


# --- life of a VM -----------------------------------------------------------------

def test_create_and_destroy(web):
    vm = web.vms()["web"]
    assert vm["state"] == "running"
    assert vm["memory_max_kib"] == 16384
    assert vm["vcpus"] == 2
    info = web.json("info", "web")["vm"]
    assert info["kernel_sha256"] == hashlib.sha256((web.path / "Image").read_bytes()).hexdigest()
    assert info["ramdisk_sha256"] == hashlib.sha256((web.path / "initrd").read_bytes()).hexdigest()
    assert web.json("info", str(vm["id"]))["vm"]["name"] == "web"
    done = web.json("destroy", "--wait", "web")
    assert (done["done"], done["object"]) == ("destroy", "web")
    assert web.vms() == {}
    assert "no VM 'web'" in web.mvctl("destroy", "web", status=1)


def test_images_are_pushed_once(web):
    images = {i["name"]: i for i in web.json("image", "list")["images"]}
    assert images["Image"]["users"] == 1
    assert images["Image"]["state"] == "ready"
    assert "VMs use it" in web.mvctl("image", "remove", "Image", status=1)
    pushed = web.json("image", "push", "Image")["pushed"][0]
    assert pushed["was_there"] is True
    assert pushed["packets"] == 0
    web.mvctl("create", web.cfg("two"))
    images = {i["name"]: i for i in web.json("image", "list")["images"]}
    assert images["Image"]["users"] == 2


def test_create_twice(web):
    assert "exists" in web.mvctl("create", "web.cfg", status=1)


def test_create_what_cannot_be(shared):
    error = shared.mvctl("create", shared.cfg("big", memory=32768), status=1)
    assert "not enough memory is free" in error
    shared.write("junk", b"no kernel at all" * 100)
    error = shared.mvctl("create", shared.cfg("bad", kernel="junk"), status=1)
    assert "bad" in error
    error = shared.mvctl("create", shared.cfg("gone", kernel="missing"), status=1)
    assert "missing" in error
    for name in shared.vms():
        shared.mvctl("destroy", "--wait", name)


def test_create_paused(shared):
    shared.mvctl("create", "--paused", shared.cfg("late"))
    assert shared.vms()["late"]["state"] == "paused"
    shared.mvctl("unpause", "late")
    assert shared.vms()["late"]["state"] == "running"
    shared.mvctl("destroy", "-w", "late")


def test_pause_rename_restart(web):
    web.mvctl("pause", "web")
    assert web.vms()["web"]["state"] == "paused"
    web.mvctl("unpause", "web")
    web.mvctl("rename", "web", "www")
    assert list(web.vms()) == ["www"]
    assert "no VM 'web'" in web.mvctl("rename", "web", "x", status=1)
    web.mvctl("restart", "www")
    until(lambda: web.vms()["www"]["state"] == "running")
    assert "value out of range" in web.mvctl("rename", "www", "x y", status=1)


def test_sched_and_vcpus(web):
    web.mvctl("sched", "web", "-w", "512", "-c", "50")
    assert web.json("sched", "web") == {"schema": 1, "node": "node-1", "vm": "web", "weight": 512,
                                        "cap": 50, "node_id": web.json("info")["node_id"]}
    web.mvctl("vcpu-pin", "web", "1", "0")
    vcpus = web.json("vcpu-list", "web")["vms"][0]["vcpus"]
    assert [v["affinity"] for v in vcpus] == ["any", "0"]
    assert [v["weight"] for v in vcpus] == [512, 512]
    assert web.json("vcpu-list")["vms"][0]["name"] == "web"
    assert "" != web.mvctl("vcpu-pin", "web", "0", "17", status=1)


def test_mem_set(web):
    web.mvctl("mem-set", "web", "8")
    assert web.json("info", "web")["vm"]["memory_target_kib"] == 8192
    assert "out of range" in web.mvctl("mem-set", "web", "1g", status=1)


def test_network(web):
    before = web.json("network-list", "web")["vifs"]
    text = web.mvctl("network-attach", "web", "mac=00:16:3e:00:00:07,vlan=9,queues=1")
    assert "mac 00:16:3e:00:00:07" in text
    web.mvctl("network-attach", "web")
    vifs = web.json("network-list", "web")["vifs"]
    assert len(vifs) == len(before) + 2
    new = [v for v in vifs if v["mac"] == "00:16:3e:00:00:07"][0]
    assert (new["vlan"], new["queues"], new["mtu"]) == (9, 1, 1500)
    assert str(new["devid"]) in web.mvctl("network-list", "web")
    assert "mac" in web.mvctl("network-attach", "web", "mac=zz", status=1)
    assert "exists" in web.mvctl("network-attach", "web", "mac=00:16:3e:00:00:07", status=1)
    assert "has no vif" in web.mvctl("network-detach", "web", "00:16:3e:00:00:08", status=1)
    assert "not found" in web.mvctl("network-detach", "web", "7", status=1)


def test_disks(web):
    """This node has no storage network; the words are the node's."""
    assert web.json("block-list", "web")["disks"] == []
    assert web.mvctl("block-list", "web").startswith("Disk")
    assert "storage" in web.mvctl("block-attach", "web", "aoe:1.2,raw,xvda,w", status=1)
    assert "error" in web.mvctl("block-attach", "web", "vdev=xvda", status=1)
    assert "not found" in web.mvctl("block-detach", "web", "xvda", status=1)


# --- consoles, events, top ----------------------------------------------------------

def test_console_history(web):
    assert "hello" in web.mvctl("console", "--once", "web")


def test_console_is_typed_to(web):
    out = web.mvctl("console", "web", input="abc\r\n\x1d never sent")
    assert "hello" in out
    until(lambda: "abc" in web.mvctl("console", "-1", "web"))
    assert "never" not in web.mvctl("console", "-1", "web")


def test_two_consoles_at_once(web):
    readers = [web.spawn(MVCTL, "console", "-r", "-n", "web", stdout=subprocess.PIPE)
               for _ in range(2)]
    # Both must be there before something is said.
    until(lambda: web.json("info")["info"]["sessions"] >= 3)
    until(lambda: web.mvctl("console", "-n", "web", input="to both\r\n\x1d") is not None)
    for reader in readers:
        seen = b""
        while b"to both" not in seen:
            chunk = reader.stdout.read1(100)
            assert chunk, seen
            seen += chunk
        reader.terminate()
        assert reader.wait(10) == 0


def test_console_ends_with_its_vm(web):
    reader = web.spawn(MVCTL, "console", "-r", "web", stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE)
    assert reader.stdout.read1(5)
    web.mvctl("destroy", "web")
    assert b"no console any more" in reader.stderr.read()
    assert reader.wait(10) == 0


def test_events(web):
    events = [json.loads(e) for e in web.mvctl("events", "-o", "json").splitlines()]
    assert any(e["event"] == "vm-started" and e["name"] == "web" for e in events)
    assert "vm-started" in web.mvctl("events")
    follower = web.spawn(MVCTL, "events", "--new", "-n", "1", stdout=subprocess.PIPE)
    until(lambda: web.json("info")["info"]["sessions"] >= 2)
    web.mvctl("pause", "web")
    assert b"vm-paused" in follower.stdout.readline()
    assert follower.wait(10) == 0


def test_top(web):
    text = web.mvctl("top", "-n", "1", "-d", "1")
    assert "web" in text and "idle" in text
    lines = web.mvctl("top", "-n", "2", "-d", "1", "-o", "json").splitlines()
    assert len(lines) == 2
    vm = json.loads(lines[1])["vms"][0]
    assert vm["name"] == "web"
    assert 50 < vm["cpu_percent"] <= 201


# --- the node's end --------------------------------------------------------------

def test_node_reset(segment):
    segment.start()
    segment.mvctl("-N", "node-1", "node", "reset")
    node = segment.processes[-1]
    node.wait(10)
