# SPDX-License-Identifier: Apache-2.0
"""The demo's last part: the node as its operator sees it, with mvctl from the
wire outside. Each function gets the demo and returns the value to show."""
import os
import re
import time

import harness
from harness import Failure

FOLDER = os.path.join(harness.TOP, "guests", "demo")
NODE = os.path.join(FOLDER, "node.cfg")
VM = os.path.join(FOLDER, "d.cfg")
IMAGES = [os.path.join(harness.BUILD, "guests", name)
          for name in ("Image", "demo.cpio.gz")]
ADDRESS = "10.0.0.5"


def discover(demo):
    found = demo.segment.ask("discover")["nodes"]
    if [node["node"] for node in found] != ["demo"]:
        raise Failure(f"found {found}")
    return f"node demo, {found[0]['mac']}"


def image_push(demo):
    begin = time.monotonic()
    pushed = demo.segment.ask("image", "push", *IMAGES, timeout=180)["pushed"]
    seconds = time.monotonic() - begin
    size = sum(image["size_bytes"] for image in pushed)
    ready = {image["sha256"] for image in
             demo.segment.ask("image", "list")["images"]
             if image["state"] == "ready"}
    if len(pushed) != len(IMAGES) or not ready.issuperset(
            image["sha256"] for image in pushed):
        raise Failure(f"pushed {pushed}, ready are {ready}")
    again = sum(image["packets_again"] for image in pushed)
    return (f"{size >> 20} MiB, {(size >> 20) / seconds:.0f} MiB/s, "
            f"{again} of {sum(i['packets'] for i in pushed)} packets again")


def create(demo):
    begin = time.monotonic()
    demo.segment.mvctl("create", VM, timeout=120)
    seconds = time.monotonic() - begin
    states = {vm["name"]: vm["state"]
              for vm in demo.segment.ask("list")["vms"]}
    if states.get("d") != "running":
        raise Failure(f"the VMs are {states}")
    return f"d runs after {seconds:.1f} s, {len(states)} VMs"


def console(demo):
    """A line that the new guest printed, from the history of its console."""
    deadline = time.monotonic() + 90 * harness.PATIENCE
    while True:
        text = demo.segment.mvctl("console", "--once", "d")
        line = re.search(r"^.*xen_netfront: .*$", text, re.M)
        if line and "@ready" in text:
            return line[0].strip()
        if time.monotonic() > deadline:
            raise Failure(f"d did not get ready: {text[-300:]}")
        time.sleep(0.5)


def ping(demo):
    text = demo.guests["a"].run(f"ping -c 5 -i 0.2 -w 20 {ADDRESS}").output
    return re.search(r"\d+ packets transmitted.*received", text)[0]


def top(demo):
    text = demo.segment.mvctl("top", "-n", "1", timeout=30)
    names = [name for name in ("a", "b", "c", "d", "uplink", "debian")
             if re.search(rf"^.*\b{name}\b", text, re.M)]
    if len(names) != 6:
        raise Failure(f"it shows {text}")
    return f"{len(names)} VMs"


def destroy(demo):
    begin = time.monotonic()
    demo.segment.mvctl("destroy", "--wait", "d", timeout=90)
    seconds = time.monotonic() - begin
    if "d" in [vm["name"] for vm in demo.segment.ask("list")["vms"]]:
        raise Failure("it is still there")
    return f"gone after {seconds:.1f} s"


CHECKS = (
    ("discover", discover), ("image-push", image_push), ("create", create),
    ("console", console), ("ping-created", ping), ("top", top),
    ("destroy", destroy),
)
