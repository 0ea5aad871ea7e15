# SPDX-License-Identifier: Apache-2.0
"""An AoE server (a real vblade) outside the emulated machine, at its network
card. vblade wants a network interface: it gets one in a network namespace of its
own, and a user namespace too, so that no root is needed.

    with AoeTarget(size=64 << 20) as target:        # aoe:1.1
        machine = Machine(bundle, extra=target.qemu())

That joins QEMU's card and one end of a virtual cable (veth), with vblade at its
other end, by a relay, which can take the tag of a VLAN
off (vlan=100) and pass the card's other frames by. Its netdev() may also be
one of several at a hub. Faster, without relay and tags, is a tap device, and
QEMU in the same namespace (that needs /dev/net/tun):

    with AoeTarget(image="disk.img", relay=False) as target:
        machine = Machine(bundle, prefix=target.enter, extra=target.qemu())
"""
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import harness
from harness import Failure

VBLADE = shutil.which("vblade", path=os.path.join(
    harness.BUILD, "deps", "tools")) or "vblade"
# Root needs no user namespace, which may not be allowed.
USER = os.geteuid() != 0
UNSHARE = ["unshare", *(["--user", "--map-root-user"] if USER else []), "--net"]
ENTER = ["nsenter", *(["--user", "--preserve-credentials"] if USER else []),
         "--net"]
WIRE = "wire"                   # the interface that vblade has
RELAY = "relay"                 # the other end of its cable
ETH_P_ALL = 3
ETH_VLAN = b"\x81\x00"


class AoeTarget:
    """vblade serves `image`, or an empty file of `size` bytes, which goes when
    the target is closed. `mtu` is the wire's, `options` are vblade's, such as
    "-b 64" for 64 frames in flight. With start=False there is only a wire
    without anybody at it until start()."""

    def __init__(self, image=None, size=64 << 20, shelf=1, slot=1, mtu=1500,
                 vlan=None, relay=True, options=("-b", "64"), start=True):
        self.name = f"aoe:{shelf}.{slot}"
        self.relay = relay
        # A socket's path has to be short.
        self.folder = tempfile.mkdtemp(prefix="mv-")
        self.card_path = os.path.join(self.folder, "card")
        self.wire_path = os.path.join(self.folder, "wire")
        self.log_path = os.path.join(self.folder, "log")
        if image is None:
            image = os.path.join(self.folder, "disk")
            with open(image, "wb") as file:
                file.truncate(size)
        self.image = image
        self.command = [
            sys.executable, os.path.abspath(__file__), self.folder, str(mtu),
            str(vlan or 0), str(int(relay)), VBLADE, *options, str(shelf),
            str(slot), WIRE, os.path.abspath(image)]
        self.keeper = None
        if start:
            self.start()

    def start(self):
        with open(self.log_path, "wb") as log:
            self.keeper = subprocess.Popen(
                [*UNSHARE, *self.command], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=log,
                preexec_fn=harness.end_with_parent)
        if self.keeper.stdout.readline() != b"ready\n":
            text = self.log()
            self.close()
            raise Failure(f"no AoE target outside: {text}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def stop(self):
        """End it, at once; start() makes a new one at the same wire."""
        if self.keeper:
            # Its vblade ends with it.
            self.keeper.kill()
            self.keeper.wait()
            self.keeper.stdout.close()
            self.keeper = None
        if os.path.exists(self.wire_path):
            os.unlink(self.wire_path)

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        """What vblade and the relay said."""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()

    @property
    def enter(self):
        """The words before a command that has it run in the namespace."""
        return [*ENTER, "-t", str(self.keeper.pid)]

    def netdev(self):
        """QEMU's name for this wire."""
        if not self.relay:
            return f"tap,ifname={WIRE},script=no,downscript=no"
        return (f"dgram,local.type=unix,local.path={self.card_path},"
                f"remote.type=unix,remote.path={self.wire_path}")

    def qemu(self, nic="virtio-net-pci"):
        """QEMU's arguments for a card on this wire."""
        return ["-netdev", f"{self.netdev()},id=wire",
                "-device", f"{nic},netdev=wire,romfile="]


def possible():
    """May this process make namespaces, and is there a vblade?"""
    try:
        with AoeTarget(size=1 << 20):
            return True
    except (OSError, Failure):
        return False


# --- the program in the namespace ------------------------------------------

def ip(*words):
    subprocess.run(["ip", *words], check=True)


def to_wire(card, wire, tag):
    while True:
        frame = card.recv(65536)
        if tag:
            if frame[12:16] != tag:
                continue
            frame = frame[:12] + frame[16:]
        if len(frame) >= 14:
            try:
                wire.send(frame)
            except OSError:
                pass            # longer than the wire's MTU


def to_card(card, card_path, wire, tag):
    while True:
        frame, source = wire.recvfrom(65536)
        if source[2] == socket.PACKET_OUTGOING:
            continue            # our own
        if tag:
            frame = frame[:12] + tag + frame[12:]
        try:
            card.sendto(frame, card_path)
        except OSError:
            pass                # QEMU isn't there


def start_relay(folder, mtu, tag):
    ip("link", "add", WIRE, "type", "veth", "peer", "name", RELAY)
    ip("link", "set", RELAY, "mtu", mtu, "up")
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                         socket.htons(ETH_P_ALL))
    wire.bind((RELAY, 0))
    card = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    card.bind(os.path.join(folder, "wire"))
    for work in ((to_wire, card, wire, tag),
                 (to_card, card, os.path.join(folder, "card"), wire, tag)):
        threading.Thread(target=work[0], args=work[1:], daemon=True).start()


def serve(folder, mtu, vlan, relay, vblade):
    """Make the wire, start vblade on it, carry frames until it ends."""
    tag = ETH_VLAN + struct.pack("!H", int(vlan)) if int(vlan) else b""
    if int(relay):
        start_relay(folder, mtu, tag)
    else:
        ip("tuntap", "add", WIRE, "mode", "tap", "vnet_hdr")
    ip("link", "set", WIRE, "mtu", mtu, "up")
    server = subprocess.Popen(vblade, stdout=sys.stderr,
                              preexec_fn=harness.end_with_parent)
    time.sleep(0.1)
    if server.poll() is None:
        print("ready", flush=True)
    sys.exit(server.wait())


if __name__ == "__main__":
    try:
        serve(*sys.argv[1:5], sys.argv[5:])
    except (OSError, subprocess.CalledProcessError) as problem:
        sys.exit(str(problem))
