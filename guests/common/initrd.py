# SPDX-License-Identifier: Apache-2.0
"""Put initial RAM disks together from unpacked Debian packages.

The archives (cpio "newc", gzip) hold only what is named, the shared libraries
that the programs need, and kernel modules with their dependencies. The same
input gives the same bytes: no time, no owner, sorted names.
"""
import gzip
import lzma
import os
import re
import stat
import struct
import sys

TOP = os.path.normpath(os.path.join(os.path.dirname(__file__), "..", ".."))
DEPS = os.path.join(TOP, "build", "deps")
ROOT = os.path.join(DEPS, "root")
LIBRARY_DIRS = ("lib/aarch64-linux-gnu", "usr/lib/aarch64-linux-gnu", "lib",
                "usr/lib")


class Problem(Exception):
    """The RAM disk cannot be made; the text says why."""


def read(path):
    with open(path, "rb") as file:
        return file.read()


def needed_libraries(elf):
    """The DT_NEEDED names of a 64-bit little-endian ELF file."""
    if elf[:6] != b"\x7fELF\x02\x01":
        return []
    phoff, = struct.unpack_from("<Q", elf, 32)
    phentsize, phnum = struct.unpack_from("<HH", elf, 54)
    segments = [struct.unpack_from("<IIQQQQ", elf, phoff + i * phentsize)
                for i in range(phnum)]
    loads = [(va, off, size) for kind, _, off, va, _, size in segments
             if kind == 1]
    names, strings = [], None
    for kind, _, offset, _, _, size in segments:
        if kind != 2:
            continue
        for at in range(offset, offset + size, 16):
            tag, value = struct.unpack_from("<QQ", elf, at)
            if tag == 1:
                names.append(value)
            elif tag == 5:
                strings = next(value - va + off for va, off, length in loads
                               if va <= value < va + length)
    return [elf[strings + n:elf.index(b"\0", strings + n)].decode()
            for n in names]


def busybox_applets(binary):
    """The applets' names: a sorted block of strings in the program, which
    this machine cannot run and ask."""
    start = binary.index(b"[\0[[\0")
    names = binary[start:binary.index(b"\0\0", start)].decode().split("\0")
    if not {"sh", "ip", "insmod", "nc"} <= set(names):
        raise Problem("cannot read busybox's list of applets")
    return [name for name in names if name != "busybox"]


class Kernel:
    """One of Debian's kernels, unpacked by scripts/setup."""

    def __init__(self, name):
        self.folder = os.path.join(DEPS, "kernel", name)
        self.modules, self.builtin = {}, set()
        for folder, _, files in sorted(os.walk(self.folder)):
            for file in files:
                match = re.fullmatch(r"(.*)\.ko(\.xz)?", file)
                if match:
                    self.modules[self.plain(match[1])] = os.path.join(
                        folder, file)
                elif file == "modules.builtin":
                    text = read(os.path.join(folder, file)).decode()
                    self.builtin |= {
                        self.plain(os.path.basename(line)[:-len(".ko")])
                        for line in text.split()}
        if not os.path.exists(os.path.join(self.folder, "Image")):
            raise Problem(f"no kernel '{name}': run scripts/setup")

    @staticmethod
    def plain(name):
        return name.replace("-", "_")

    def load_order(self, names):
        """[(file name, data)] of these modules, dependencies first."""
        order = {}

        def visit(name):
            path = self.modules.get(self.plain(name))
            if path is None:
                if self.plain(name) in self.builtin:
                    return
                raise Problem(f"{self.folder} has no module '{name}'")
            data = read(path)
            if path.endswith(".xz"):
                data, path = lzma.decompress(data), path[:-len(".xz")]
            depends = re.search(rb"\0depends=([^\0]*)\0", data)
            for other in depends[1].decode().split(",") if depends else ():
                if other:
                    visit(other)
            order.setdefault(os.path.basename(path), data)

        for name in names:
            visit(name)
        return list(order.items())


class Archive:
    def __init__(self):
        self.entries = {}

    def _add(self, path, mode, data=b"", device=(0, 0)):
        parent = os.path.dirname(path)
        if parent and parent not in self.entries:
            self.directory(parent)
        self.entries[path] = (mode, data, device)

    def directory(self, path):
        self._add(path, stat.S_IFDIR | 0o755)

    def file(self, path, data, mode=0o644):
        self._add(path, stat.S_IFREG | mode, data)

    def link(self, path, target):
        self._add(path, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, path, major, minor):
        self._add(path, stat.S_IFCHR | 0o600, b"", (major, minor))

    def busybox(self):
        """The base of every guest: folders, busybox and its names."""
        for path in ("dev", "proc", "sys", "run", "tmp", "root", "etc"):
            self.directory(path)
        self.character_device("dev/console", 5, 1)
        data = read(os.path.join(ROOT, "bin/busybox"))
        self.file("bin/busybox", data, 0o755)
        for applet in busybox_applets(data):
            self.link(f"bin/{applet}", "busybox")

    def program(self, path, source):
        """A program and every library that it needs."""
        data = read(source)
        self.file(path, data, 0o755)
        for name in needed_libraries(data):
            self.library(name)

    def library(self, name):
        folder = "lib" if name.startswith("ld-linux") else \
            "lib/aarch64-linux-gnu"
        if f"{folder}/{name}" not in self.entries:
            self.program(f"{folder}/{name}", self.find_library(name))

    @staticmethod
    def find_library(name):
        for folder in LIBRARY_DIRS:
            path = os.path.join(ROOT, folder, name)
            if os.path.exists(path):
                return os.path.realpath(path)
        raise Problem(f"the unpacked packages have no library {name}")

    def kernel_modules(self, kernel, names):
        order = kernel.load_order(names)
        for name, data in order:
            self.file(f"lib/modules/{name}", data)
        self.file("lib/modules/list",
                  "".join(name + "\n" for name, _ in order).encode())

    def packed(self):
        """The finished archive, compressed."""
        out = bytearray()
        entries = [*sorted(self.entries.items()),
                   ("TRAILER!!!", (0, b"", (0, 0)))]
        for inode, (path, (mode, data, device)) in enumerate(entries, 1):
            name = path.encode() + b"\0"
            fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device,
                      len(name), 0)
            out += b"070701" + b"".join(b"%08x" % f for f in fields) + name
            out += bytes(-len(out) % 4)
            out += data
            out += bytes(-len(out) % 4)
        return gzip.compress(bytes(out), 6, mtime=0)


def write_if_changed(path, data):
    """Keep the file's time when nothing changed."""
    if os.path.exists(path) and read(path) == data:
        os.utime(path)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.rename(path + ".new", path)


def main(usage, make):
    """The main program of a mkinitrd: KERNEL OUTPUT are its arguments, make()
    gets the Kernel and returns the RAM disk."""
    if len(sys.argv) != 3:
        sys.exit(usage)
    try:
        write_if_changed(sys.argv[2], make(Kernel(sys.argv[1])))
    except (Problem, OSError, ValueError) as problem:
        sys.exit(f"mkinitrd: {problem}")
