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
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 1 << 4
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
        made[0].setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        made[0].settimeout(0.2)
        return made[0]

    def capture(self, most=4000):
        """A Capture; stop() ends it."""
        return Capture(self.socket(), most)


def receive(raw):
    """The next frame that came off the cable, with its tag, which the kernel
    takes off; None if there was none soon."""
    try:
        data, extra, _, address = raw.recvmsg(65536, 256)
    except TimeoutError:
        return None
    if address[2] == PACKET_OUTGOING:
        return None
    for level, kind, value in extra:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, tci = struct.unpack_from("=I12xH", value)
            if status & TP_STATUS_VLAN_VALID:
                data = data[:12] + struct.pack("!HH", ETH_VLAN, tci) + data[12:]
    return data


class TaggedHost:
    """A host in a VLAN that answers ARP and pings, for kernels without VLAN
    devices."""

    MAC = bytes.fromhex("020000000777")

    def __init__(self, wire, address, vlan):
        self.raw = wire.socket()
        self.address = socket.inet_aton(address)
        self.tag = struct.pack("!HH", ETH_VLAN, vlan)
        self.going = True
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def stop(self):
        self.going = False
        self.thread.join()
        self.raw.close()

    def _serve(self):
        while self.going:
            frame = receive(self.raw)
            if frame and frame[12:16] == self.tag:
                answer = self._answer(frame[6:12], frame[16:18], frame[18:])
                if answer:
                    self.raw.send(frame[6:12] + self.MAC + self.tag +
                                  frame[16:18] + answer)

    def _answer(self, sender, kind, data):
        if kind == b"\x08\x06" and data[6:8] == b"\0\1" and \
                data[24:28] == self.address:
            return data[:6] + b"\0\2" + self.MAC + self.address + sender + \
                data[14:18]
        if kind == b"\x08\0" and data[9] == 1 and data[16:20] == self.address \
                and data[20] == 8:
            length, = struct.unpack_from("!H", data, 2)
            echo = b"\0\0\0\0" + data[24:length]
            echo = echo[:2] + struct.pack("!H", 0xffff - ones_sum(echo)) + echo[4:]
            return data[:12] + data[16:20] + data[12:16] + echo
        return None


class Capture:
    """Frames that the card sends, as they are."""

    def __init__(self, raw, most):
        self.raw, self.most, self.frames = raw, most, []
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.going = True
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while self.going and len(self.frames) < self.most:
            frame = receive(self.raw)
            if frame:
                self.frames.append(frame)

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
