# SPDX-License-Identifier: Apache-2.0
"""The demo's Debian: a whole one, whose root file system is an AoE target on
the wire outside, served by a real vblade; its second disk is the driver domain's
(demo_disk.py). Each check gets the demo and returns
the value to show."""
import os
import subprocess
import time

import demo_disk
import harness
from aoe_target import AoeTarget
from harness import Failure

VM = os.path.join(harness.TOP, "guests", "demo", "debian.cfg")
IMAGE = os.path.join(harness.BUILD, "guests", "debian.img")
VLAN = 100
STORAGE = f"vlan={VLAN}"
MIB = 16


def disk(folder):
    """The server of a fresh copy of the image, not yet started: while others
    are measured Debian waits for its disk."""
    os.makedirs(folder, exist_ok=True)
    copy = os.path.join(folder, "debian.img")
    try:
        subprocess.run(["cp", "--sparse=always", IMAGE, copy], check=True,
                       capture_output=True, text=True)
    except subprocess.CalledProcessError as problem:
        raise Failure(problem.stderr.strip()) from None
    return AoeTarget(image=copy, vlan=VLAN, start=False)


def serve(disk):
    """Start the server; the rest of the demo needs no disk."""
    try:
        disk.start()
    except (OSError, Failure) as problem:
        raise Failure(f"{problem} (vblade needs a network interface of its own: "
                      "user namespaces or root)") from None


def status(guest):
    """What systemd says of its start."""
    state = guest.run("systemctl is-system-running --wait", 90,
                      check=False).output
    if state != "running":
        failed = guest.run("systemctl --failed --plain --no-legend").output
        raise Failure(f"systemd is {state}: {failed}")
    return guest.run("cat /etc/debian_version").output


def debian_on_aoe(demo):
    serve(demo.disk)
    begin = time.monotonic()
    guest = demo.debian.wait_ready(150)
    version = status(guest)
    start = time.monotonic() - begin
    root = guest.run("findmnt -n -o SOURCE,FSTYPE /").output.split()
    if root != ["/dev/xvda", "ext4"]:
        raise Failure(f"the root file system is {root}")
    wanted = guest.run(
        f"dd if=/dev/urandom of=/root/file bs=1M count={MIB} 2>&1 && sync && "
        "sha256sum </root/file", 60).output.split()[-2]
    demo.second_disk = demo_disk.write(guest)
    begin = time.monotonic()
    starts = guest.starts
    guest.start("systemctl reboot")
    guest.wait_ready(150, starts=starts + 1)
    seconds = time.monotonic() - begin
    got = guest.run("sha256sum </root/file", 60).output.split()[0]
    if got != wanted:
        raise Failure(f"{wanted} was written, {got} is there after the reboot")
    status(guest)
    return (f"Debian {version} was up after {start:.0f} s, {MIB} MiB "
            f"{got[:16]}... the same after a reboot of {seconds:.0f} s")


def driver_domain_disk(demo):
    """debian_on_aoe() wrote to it before it rebooted."""
    if demo.second_disk is None:
        raise Failure("not written, since Debian did not start")
    return demo_disk.verify(demo.debian, demo.second_disk)


CHECKS = (("debian-on-aoe", debian_on_aoe),
          ("driver-domain-disk", driver_domain_disk))
