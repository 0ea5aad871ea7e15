# SPDX-License-Identifier: Apache-2.0
"""A wire with hosts on it, for tests that may (root): a network namespace with
the other end of the emulated card's cable, a tap device.

The host on it has real addresses, VLANs and a real kernel. What comes off the
cable can be captured as it is: the tap takes no offloads, so frames must be
finished.
"""
import ctypes
import os
import socket
import struct
import subprocess
import sys
import threading
import time

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
PACKET_OUTGOING = 4
ETH_VLAN, ETH_IPV4, ETH_IPV6 = 0x8100, 0x0800, 0x86dd
CSUM_AT = {6: 16, 17: 6}


def possible():
    """May this process make namespaces and taps, and has it the programs?"""
    try:
        with Wire():
            return True
    except (OSError, subprocess.SubprocessError):
        return False


class Wire:
    def __init__(self, mtu=1500):
        self.keeper = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo ready; exec sleep 3600"],
            stdout=subprocess.PIPE, text=True)
        self.keeper.stdout.readline()
        try:
            self.run("ip", "link", "set", "lo", "up")
            self.run("ip", "tuntap", "add", "wire", "mode", "tap")
            self.run("ip", "link", "set", "wire", "mtu", str(mtu), "up")
        except Exception:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.keeper.kill()
        self.keeper.wait()
        self.keeper.stdout.close()

    @property
    def enter(self):
        """The words before a command that has it run on the wire's host."""
        return ["nsenter", "--net", "-t", str(self.keeper.pid)]

    def run(self, *command, timeout=30):
        return subprocess.run([*self.enter, *command], check=True, text=True,
                              capture_output=True, timeout=timeout).stdout

    def reach(self, address, port=7, seconds=20):
        """Have the host reach an address by TCP; being refused is an answer."""
        self.run(sys.executable, "-c", "import socket, sys\n"
                 "s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else "
                 "socket.AF_INET)\n"
                 "s.settimeout(float(sys.argv[3]))\n"
                 "sys.exit(s.connect_ex((sys.argv[1], int(sys.argv[2]))) "
                 "not in (0, 111))", address, str(port), str(seconds))

    def address(self, address, vlan=None):
        """Give the host an address, in a VLAN or untagged."""
        device = "wire"
        if vlan is not None:
            device = f"wire.{vlan}"
            self.run("ip", "link", "add", "link", "wire", "name", device,
                     "type", "vlan", "id", str(vlan))
            self.run("ip", "link", "set", device, "up")
        self.run("ip", "addr", "add", address, "dev", device, *(
            ["nodad"] if ":" in address else []))

    def qemu(self, nic):
        return ["-netdev", "tap,id=wire,ifname=wire,script=no,downscript=no,"
                "vnet_hdr=off", "-device", f"{nic},netdev=wire,romfile="]

    def socket(self):
        """A raw socket on the wire, made by a thread that goes there."""
        made = []

        def make():
            with open(f"/proc/{self.keeper.pid}/ns/net", "rb") as space:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(space.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                      socket.htons(ETH_P_ALL)))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        made[0].bind(("wire", ETH_P_ALL))
        return made[0]

    def capture(self, most=4000):
        """A Capture; stop() ends it."""
        return Capture(self.socket(), most)


class Capture:
    """Frames that the card sends, as they are."""

    def __init__(self, raw, most):
        self.raw, self.most, self.frames = raw, most, []
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.raw.settimeout(0.2)
        self.going = True
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while self.going and len(self.frames) < self.most:
            try:
                data, address = self.raw.recvfrom(65536)
            except TimeoutError:
                continue
            if address[2] != PACKET_OUTGOING:
                self.frames.append(data)

    def stop(self):
        time.sleep(0.3)
        self.going = False
        self.thread.join()
        self.raw.close()
        return self.frames


def ones_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def checksums(frame):
    """True if all checksums of a frame are right, False if one is wrong, None
    if there is none to check (no IP, no TCP or UDP, a fragment)."""
    at = 12
    kind, = struct.unpack_from("!H", frame, at)
    if kind == ETH_VLAN:
        at += 4
        kind, = struct.unpack_from("!H", frame, at)
    ip = frame[at + 2:]
    if kind == ETH_IPV4:
        header = (ip[0] & 15) * 4
        total, fragment = struct.unpack_from("!H2xH", ip, 2)
        protocol, hosts = ip[9], ip[12:20]
        if ones_sum(ip[:header]) != 0xffff:
            return False
        if fragment & 0x3fff:
            return None
        payload = ip[header:total]
    elif kind == ETH_IPV6:
        length, = struct.unpack_from("!H", ip, 4)
        protocol, hosts = ip[6], ip[8:40]
        payload = ip[40:40 + length]
    else:
        return None
    if protocol not in CSUM_AT:
        return None
    if protocol == 17 and payload[6:8] == b"\0\0":
        return None
    pseudo = hosts + struct.pack("!HBBH", 0, 0, protocol, len(payload))
    return ones_sum(pseudo + payload) == 0xffff
