# SPDX-License-Identifier: Apache-2.0
"""A bad wire between QEMU's card and an AoeTarget: what passes is lost, doubled,
overtaken or changed, as told while it runs.

    with AoeTarget(vlan=100) as target, FaultyWire(target) as wire:
        machine = Machine(bundle, extra=wire.qemu())
        wire.loss = 0.05

Locking: the attributes are single values, read once a frame.
"""
import collections
import os
import random
import select
import shutil
import socket
import struct
import tempfile
import threading
import time

# Offsets in a frame that has an 802.1Q tag.
TYPE, FLAGS, COMMAND, TAG = 16, 18, 23, 24
SECTORS, STATUS, LBA, DATA = 30, 31, 32, 40
BUFFERS, MAX_SECTORS = 28, 32
AOE = b"\x88\xa2"
ATA, CONFIG, IDENTIFY = 0, 1, 0xec
ERROR, READY = 0x01, 0x40
HOLD_S = 0.02           # a frame that waits to be overtaken
REMEMBERED = 4096       # requests


class Request:
    """An ATA request that passed."""

    def __init__(self, frame):
        self.command = frame[STATUS]
        self.sectors = frame[SECTORS]
        self.lba = int.from_bytes(frame[LBA:LBA + 6], "little")


class FaultyWire:
    def __init__(self, target, seed=1):
        self.loss = self.double = self.reorder = 0.0    # probabilities
        self.unplugged = False
        self.delay = 0          # seconds each way, for a long wire
        self.lose = None        # "ask" or "answer": the next of a disk is lost
        self.change = None      # change(frame, Request or None): list of frames
        self.changed = 0        # frames that it changed
        self._random = random.Random(seed)
        self._requests = {}
        self._lock = threading.Lock()
        self._target = target
        self._folder = tempfile.mkdtemp(prefix="mv-")
        self._card_path = os.path.join(self._folder, "card")
        self._wire_path = os.path.join(self._folder, "wire")
        self._card = self._socket(self._wire_path)
        self._server = self._socket(target.card_path)
        for work in ((self._card, self._server, target.wire_path, self._ask),
                     (self._server, self._card, self._card_path, self._answer)):
            threading.Thread(target=self._carry, args=work, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @staticmethod
    def _socket(path):
        end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        end.bind(path)
        end.settimeout(HOLD_S)
        return end

    def close(self):
        self._card.close()
        self._server.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def netdev(self):
        """QEMU's name for this wire."""
        return (f"dgram,local.type=unix,local.path={self._card_path},"
                f"remote.type=unix,remote.path={self._wire_path}")

    def qemu(self, nic="virtio-net-pci"):
        """QEMU's arguments for a card on this wire."""
        return ["-netdev", f"{self.netdev()},id=wire",
                "-device", f"{nic},netdev=wire,romfile="]

    def mend(self):
        """No faults any more."""
        self.loss = self.double = self.reorder = 0.0
        self.unplugged, self.lose, self.change = False, None, None
        self.delay = 0

    def chance(self, probability):
        with self._lock:
            return self._random.random() < probability

    def _loses(self, which, frame):
        """Whether this is the one frame that is to be lost."""
        if self.lose != which or frame[TYPE:TYPE + 2] != AOE or \
                len(frame) < DATA or frame[COMMAND] != ATA:
            return False
        self.lose = None
        return True

    def _ask(self, frame):
        if frame[TYPE:TYPE + 2] != AOE or self._loses("ask", frame):
            return []           # the others at QEMU's hub
        if frame[COMMAND] == ATA and len(frame) >= DATA:
            with self._lock:
                self._requests[frame[TAG:TAG + 4]] = Request(frame)
                if len(self._requests) > REMEMBERED:
                    del self._requests[next(iter(self._requests))]
        return [frame]

    def _answer(self, frame):
        if self._loses("answer", frame):
            return []
        change = self.change
        if change is None or frame[TYPE:TYPE + 2] != AOE or \
                len(frame) <= MAX_SECTORS:
            return [frame]
        with self._lock:
            request = self._requests.get(frame[TAG:TAG + 4])
            frames = change(bytearray(frame), request)
        if frames != [frame]:
            self.changed += 1
        return frames

    def _carry(self, source, sink, path, look):
        held, under_way = [], collections.deque()
        while True:
            due = under_way[0][0] - time.monotonic() if under_way else HOLD_S
            try:
                ready, _, _ = select.select([source], [], [], min(max(due, 0), HOLD_S))
                frames = look(source.recv(65536)) if ready else []
            except (OSError, ValueError):
                return          # closed
            late, held = held, []
            passed = []
            for frame in frames:
                if self.unplugged or self.chance(self.loss):
                    continue
                if self.chance(self.reorder):
                    held.append(frame)
                    continue
                passed += [frame] * (2 if self.chance(self.double) else 1)
            arrives = time.monotonic() + self.delay
            under_way.extend((arrives, frame) for frame in passed + late)
            while under_way and under_way[0][0] <= time.monotonic():
                self._send(sink, under_way.popleft()[1], path)

    @staticmethod
    def _send(sink, frame, path):
        try:
            sink.sendto(frame, path)
        except OSError:
            pass                # nobody is there


# --- changes -----------------------------------------------------------------

def garbage(share, seed=2):
    """A share of the answers comes with wrong bytes in their headers, too short,
    too long, or as noise."""
    source = random.Random(seed)

    def change(frame, _request):
        if source.random() >= share:
            return [frame]
        kind = source.randrange(4)
        if kind == 0:
            for _ in range(source.randint(1, 8)):
                frame[source.randrange(FLAGS, DATA)] = source.randrange(256)
        elif kind == 1:
            del frame[source.randrange(FLAGS, len(frame)):]
        elif kind == 2:
            frame += source.randbytes(source.randint(1, 1024))
        else:
            frame[FLAGS:] = source.randbytes(source.randint(1, 1024))
        return [frame]
    return change


def size_lie(sectors):
    """The target says that it has that many sectors."""
    def change(frame, request):
        if request is None or request.command != IDENTIFY or \
                frame[COMMAND] != ATA or len(frame) < DATA + 512:
            return [frame]
        struct.pack_into("<I", frame, DATA + 120, min(sectors, (1 << 28) - 1))
        struct.pack_into("<Q", frame, DATA + 200, sectors)
        return [frame]
    return change


def config_lie(buffers, max_sectors):
    """What it says of its buffers and frames."""
    def change(frame, _request):
        if frame[COMMAND] == CONFIG:
            struct.pack_into("!H", frame, BUFFERS, buffers)
            frame[MAX_SECTORS] = max_sectors
        return [frame]
    return change


def disk_error(first, last):
    """Requests for sectors from first to last fail in the disk."""
    def change(frame, request):
        if request is None or request.command == IDENTIFY or \
                frame[COMMAND] != ATA or request.lba > last or \
                request.lba + request.sectors <= first:
            return [frame]
        frame[STATUS] = READY | ERROR
        del frame[DATA:]
        return [frame]
    return change
