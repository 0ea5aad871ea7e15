# SPDX-License-Identifier: Apache-2.0
"""mvctl on bad wires, with keys, with several nodes and several operators."""

import concurrent.futures
import hashlib
import json
import os
import signal
import time

import pytest

from segment import MVCTL, image, until

BAD = ("loss=20", "double=20", "reorder=5")


def key_of(segment, file):
    return (segment.path / file).read_text().split()[-1]


# --- a wire that loses, doubles and reorders ------------------------------------

def test_everything_over_a_bad_wire(segment):
    segment.start(nodes=(("node-1", *BAD),))
    segment.env["MVCTL_NODE"] = "node-1"
    segment.write("big", image(1500000, seed=3))
    pushed = segment.json("--timeout", "20", "image", "push", "big")["pushed"][0]
    assert pushed["packets_again"] > 0
    assert pushed["packets"] < 2.5 * 1500000 / 1024
    cfg = segment.cfg("web", kernel="big", vcpus=2)
    segment.mvctl("--timeout", "20", "create", cfg)
    for _ in range(5):
        assert segment.vms()["web"]["vcpus"] == 2
        segment.mvctl("pause", "web")
        segment.mvctl("unpause", "web")
    assert "hello" in segment.mvctl("console", "-1", "web")
    events = [json.loads(e)["event"] for e in segment.mvctl("events", "-o", "json").splitlines()]
    # Each change was done once, however often its request came.
    assert events.count("vm-created") == 1
    assert events.count("vm-paused") == 5
    assert events.count("vm-unpaused") == 5
    segment.mvctl("destroy", "--wait", "web")


def test_bad_wire_with_a_key(segment):
    segment.mvctl("keygen", "key")
    segment.start(nodes=(("node-1", f"key={key_of(segment, 'key')}", *BAD),))
    segment.env["MVCTL_KEY"] = "key"
    segment.mvctl("--timeout", "20", "create", segment.cfg("web"))
    assert segment.vms()["web"]["state"] == "running"


def test_a_node_that_vanishes(segment):
    segment.start()
    segment.env["MVCTL_NODE"] = "node-1"
    watcher = segment.spawn(MVCTL, "--timeout", "2", "dmesg", "-f", stdout=-1, stderr=-1)
    assert watcher.stdout.readline()
    until(lambda: segment.json("info")["info"]["sessions"] == 2)
    node = segment.processes[1]
    node.send_signal(signal.SIGSTOP)
    assert watcher.wait(20) == 3
    assert b"no answer" in watcher.stderr.read()
    node.send_signal(signal.SIGCONT)
    assert segment.json("--timeout", "20", "info")["node"] == "node-1"


def test_a_node_that_restarts(segment):
    """Who follows a stream goes on in a new session."""
    segment.start()
    watcher = segment.spawn(MVCTL, "--timeout", "30", "events", "--new", "-n", "1", stdout=-1)
    until(lambda: segment.json("info")["info"]["sessions"] == 2)
    segment.processes[1].kill()
    segment.processes[1].wait()
    segment.node("node-1")
    until(lambda: segment.json("info")["info"]["sessions"] == 2)
    segment.mvctl("create", segment.cfg("web"))
    assert b"image-ready" in watcher.stdout.readline()


# --- pushes ----------------------------------------------------------------------

def test_a_push_is_cut_and_resumed(segment):
    segment.start(nodes=(("node-1", "loss=30", "quota=16384"),))
    segment.env["MVCTL_NODE"] = "node-1"
    data = image(16000000, seed=9)
    segment.write("big", data)
    push = segment.spawn(MVCTL, "image", "push", "big", stdout=-1)

    def some():
        images = segment.json("--timeout", "20", "image", "list")["images"]
        return images and images[0]["have_bytes"] > 500000

    until(some)
    push.send_signal(signal.SIGKILL)
    push.wait()
    state = segment.json("--timeout", "20", "image", "list")["images"][0]
    assert state["state"] == "partial"
    again = segment.json("--timeout", "20", "image", "push", "big")["pushed"][0]
    assert again["was_there"] is False
    assert again["sha256"] == hashlib.sha256(data).hexdigest()
    # What was there isn't sent again.
    assert again["packets"] - again["packets_again"] <= (16000000 - state["have_bytes"]) / 1024 + 2
    state = segment.json("image", "list")["images"][0]
    assert (state["state"], state["have_bytes"]) == ("ready", 16000000)


def test_two_push_the_same_at_once(segment):
    segment.start()
    segment.env["MVCTL_NODE"] = "node-1"
    segment.write("big", image(2000000))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        runs = [pool.submit(segment.mvctl, "--timeout", "20", "image", "push", "big")
                for _ in range(2)]
        digests = {run.result().split()[0] for run in runs}
    assert digests == {hashlib.sha256(image(2000000)).hexdigest()}
    assert len(segment.json("image", "list")["images"]) == 1


def test_quota(segment):
    segment.start(nodes=(("node-1", "quota=1024"),))
    segment.write("big", image(2000000))
    assert "limit" in segment.mvctl("image", "push", "big", status=1)
    for seed in range(3):       # the third drives out the first
        segment.write(f"image{seed}", image(400000, seed=seed))
        segment.mvctl("image", "push", f"image{seed}")
    names = {i["name"] for i in segment.json("image", "list")["images"]}
    assert names == {"image1", "image2"}


@pytest.mark.parametrize("data", [None, b""])
def test_what_is_no_image(segment, data):
    segment.start()
    if data is not None:
        segment.write("file", data)
    assert "file: error" in segment.mvctl("image", "push", "file", status=1)


# --- keys ------------------------------------------------------------------------

def test_keys(segment):
    segment.mvctl("keygen", "right")
    segment.mvctl("keygen", "wrong")
    assert os.stat(segment.path / "right").st_mode & 0o777 == 0o600
    assert "File exists" in segment.mvctl("keygen", "right", status=1)
    segment.start(nodes=(("node-1", f"key={key_of(segment, 'right')}"),))
    assert segment.json("discover")["nodes"][0]["keyed"] is True
    assert "needs a key" in segment.mvctl("list", status=4)
    error = segment.mvctl("-k", "wrong", "--timeout", "1", "list", status=4)
    assert "is the key right" in error
    assert segment.json("-k", "right", "info")["info"]["keyed"] is True
    segment.mvctl("-k", "right", "create", segment.cfg("web"))
    assert "hello" in segment.mvctl("-k", "right", "console", "-1", "web")


def test_key_files(segment):
    segment.start(nodes=(("node-1", "key=" + "11" * 32), ("node-2", "key=" + "22" * 32)))
    segment.write("keys", "# two nodes\nnode-1 " + "11" * 32 + "\n" + "22" * 32 + "  # others\n")
    segment.env["MVCTL_KEY"] = "keys"
    assert "others may read" in segment.mvctl("-N", "node-1", "list", status=4)
    os.chmod(segment.path / "keys", 0o600)
    assert [n["node"] for n in segment.json("list", "--all")["nodes"]] == ["node-1", "node-2"]
    segment.write("bad", "node-1 123\n")
    os.chmod(segment.path / "bad", 0o600)
    assert "bad:1: error" in segment.mvctl("-k", "bad", "-N", "node-1", "list", status=4)


def test_what_is_on_the_wire_is_sealed(segment):
    """A member of the hub sees every frame; none has the words in it."""
    segment.start(nodes=(("node-1", "key=" + "33" * 32),))
    segment.write("key", "33" * 32 + "\n")
    os.chmod(segment.path / "key", 0o600)
    frames = segment.listen()
    segment.mvctl("-k", "key", "create", segment.cfg("secretname"))
    assert "secretname" in segment.mvctl("-k", "key", "list")
    seen = frames.stop()
    assert len(seen) > 20
    assert not any(b"secretname" in f for f in seen)


# --- many -------------------------------------------------------------------------

def test_three_nodes(segment):
    segment.start(nodes=(("node-1",), ("node-2",), ("node-3",)))
    assert [n["node"] for n in segment.json("discover")["nodes"]] == ["node-1", "node-2", "node-3"]
    error = segment.mvctl("list", status=2)
    assert "3 nodes answer" in error and "node-3" in error
    segment.mvctl("-N", "node-2", "create", segment.cfg("web"))
    found = {n["node"]: [v["name"] for v in n["vms"]] for n in segment.json("list", "--all")["nodes"]}
    assert found == {"node-1": [], "node-2": ["web"], "node-3": []}
    text = segment.mvctl("list", "-a")
    assert text.index("Node node-2:") < text.index("web") < text.index("Node node-3:")


def test_two_of_one_name(segment):
    segment.start(nodes=(("same",), ("twin", "name=same")))
    error = segment.mvctl("-N", "same", "list", status=2)
    assert "2 nodes answer" in error
    ids = [n["node_id"] for n in segment.json("discover")["nodes"]]
    assert len(set(ids)) == 2
    assert segment.json("-N", ids[1][:10], "info")["node_id"] == ids[1]


def test_operators_at_once(segment):
    segment.start()
    segment.env["MVCTL_NODE"] = "node-1"
    segment.mvctl("image", "push", "Image")

    def operator(n):
        name = f"vm{n}"
        cfg = segment.cfg(name, memory=8)
        for _ in range(3):
            segment.mvctl("--timeout", "20", "create", cfg)
            segment.mvctl("--timeout", "20", "destroy", "--wait", name)
        return n

    with concurrent.futures.ThreadPoolExecutor() as pool:
        assert sorted(pool.map(operator, range(4))) == [0, 1, 2, 3]
    assert segment.vms() == {}


def test_only_one_gets_the_name(segment):
    segment.start()
    segment.env["MVCTL_NODE"] = "node-1"
    segment.mvctl("image", "push", "Image")
    cfg = segment.cfg("web")

    def create(_):
        try:
            segment.mvctl("create", cfg)
            return 1
        except AssertionError as refused:
            assert "exists" in str(refused)
            return 0

    with concurrent.futures.ThreadPoolExecutor() as pool:
        assert sum(pool.map(create, range(4))) == 1


# --- VLANs, addresses, other transports ----------------------------------------------

def test_vlan(segment):
    segment.start(nodes=(("node-1", "vlan=7"),))
    assert "no node" in segment.mvctl("--timeout", "1", "list", status=3)
    assert "no node" in segment.mvctl("--timeout", "1", "--vlan", "8", "list", status=3)
    assert segment.json("--vlan", "7", "info")["node"] == "node-1"


def test_a_pair_of_sockets(segment):
    """As with QEMU's dgram netdev without a hub."""
    segment.node_at("node-1", "here")
    segment.env["MVCTL_TRANSPORT"] = f"unix:{segment.path}/here,{segment.path}/node-1"
    assert segment.json("info")["node"] == "node-1"
    assert not (segment.path / "here").exists()
    # One that was left behind is replaced, one in use is not.
    watcher = segment.spawn(MVCTL, "dmesg", "-f", stdout=-1)
    assert watcher.stdout.readline()
    assert "another program has it" in segment.mvctl("list", status=1)
    watcher.kill()
    watcher.wait()
    assert (segment.path / "here").exists()
    assert segment.json("info")["node"] == "node-1"


def test_junk_does_no_harm(segment):
    """Random and broken frames while somebody works."""
    segment.start()
    segment.env["MVCTL_NODE"] = "node-1"
    flood = segment.flood()
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert segment.json("--timeout", "20", "info")["node"] == "node-1"
    assert flood.stop() > 100
