# SPDX-License-Identifier: Apache-2.0
"""What mvctl does at a terminal: raw consoles, the live `top`, progress bars."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

import pytest

from segment import MVCTL, PATIENCE, image


class Terminal:
    """mvctl at a pseudo terminal of its own."""

    def __init__(self, segment, *args, lines=24, columns=80):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.seen = ""
        self.process = segment.spawn(MVCTL, *args, stdin=self.slave, stdout=self.slave,
                                     stderr=self.slave, start_new_session=True,
                                     preexec_fn=self.control)

    def control(self):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def read(self, seconds=0.1):
        """What came within some time; empty at the end."""
        if select.select([self.master], [], [], seconds)[0]:
            try:
                self.seen += os.read(self.master, 65536).decode()
            except OSError:
                return False
        return self.process.poll() is None

    def until(self, pattern, count=1):
        """Read until it was seen so often."""
        end = time.monotonic() + PATIENCE
        while len(re.findall(pattern, self.seen)) < count:
            assert time.monotonic() < end, f"no '{pattern}' in {self.seen!r}"
            self.read()

    def type(self, text):
        os.write(self.master, text.encode())

    def flags(self):
        return termios.tcgetattr(self.slave)[3]

    def end(self):
        """Its exit status, when it has put the terminal back as it was."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            self.read()
        status = self.process.wait(timeout=1)
        self.read(0)
        assert termios.tcgetattr(self.slave) == self.before
        os.close(self.master)
        os.close(self.slave)
        return status


@pytest.fixture
def web(shared):
    shared.mvctl("create", shared.cfg("web"))
    yield shared
    for name in shared.vms():
        shared.mvctl("destroy", "--wait", name)


def test_console_is_raw(web):
    t = Terminal(web, "console", "web")
    t.until("hello")
    assert "Ctrl-] leaves it" in t.seen
    assert not t.flags() & (termios.ICANON | termios.ECHO | termios.ISIG)
    # Every key but one is the guest's, which repeats it here.
    t.type("a\x03\x1a\x04\x11")
    t.until("a\x03\x1a\x04\x11")
    assert t.process.poll() is None
    # What is typed behind the escape key isn't sent.
    t.type("last\x1dmore")
    assert t.end() == 0
    assert "last" in web.mvctl("console", "-1", "web")
    assert "more" not in web.mvctl("console", "-1", "web")


def test_create_attaches_the_terminal(shared):
    t = Terminal(shared, "create", "-c", shared.cfg("attached"))
    t.until("hello")
    t.type("\x1d")
    assert t.end() == 0
    shared.mvctl("destroy", "--wait", "attached")


def test_console_ends_with_its_vm(web):
    t = Terminal(web, "console", "web")
    t.until("hello")
    web.mvctl("destroy", "web")
    assert t.end() == 0
    assert "no console any more" in t.seen


def test_a_signal_puts_the_terminal_back(web):
    t = Terminal(web, "console", "web")
    t.until("hello")
    t.process.terminate()
    assert t.end() == 0


def test_live_top(web):
    for number in range(4):
        web.mvctl("create", web.cfg(f"more{number}", memory=4))
    t = Terminal(web, "top", "-d", "1", lines=6)
    # Each look begins in the corner of an empty screen, and fits it.
    t.until(r"\x1b\[H\x1b\[J", 2)
    assert not t.flags() & (termios.ICANON | termios.ECHO)
    assert t.flags() & termios.ISIG
    screen = t.seen.split("\x1b[H\x1b[J")[1]
    assert "node-1: up " in screen and "5 VMs" in screen
    assert screen.count("\r\n") == 5
    assert len(re.findall(r"^(?:web|more\d) ", screen, re.M)) == 3
    # Any other key is a look at once.
    looks = t.seen.count("\x1b[H")
    begin = time.monotonic()
    t.type(" ")
    t.until(r"\x1b\[H", looks + 1)
    t.type("q")
    assert t.end() == 0
    assert time.monotonic() - begin < PATIENCE


def test_live_top_is_interrupted(web):
    t = Terminal(web, "top", "-d", "1")
    t.until("node-1: up ")
    t.type("\x03")
    assert t.end() == 0


@pytest.mark.parametrize("columns", [40, 100])
def test_progress_bar(shared, columns):
    name = shared.write(f"big{columns}", image(6 << 20, seed=columns))
    t = Terminal(shared, "image", "push", name, columns=columns)
    t.until("%")
    assert t.end() == 0
    drawn = [line.removesuffix("\x1b[K") for line in t.seen.split("\r") if "%" in line]
    done = [int(re.search(r"(\d+)%", line)[1]) for line in drawn]
    assert done == sorted(done) and done[-1] <= 100
    for line in drawn:
        # A line that wraps would stay.
        assert len(line) < columns
        assert line.startswith(name)
        bar = re.search(r"\[(#*)(\.*)\]", line)
        if columns == 100:
            percent = int(re.search(r"(\d+)%", line)[1])
            assert len(bar[0]) == 42 and abs(len(bar[1]) - percent * 40 / 100) <= 1
            assert re.search(r"iB +[\d.]+ \w+/s", line)
    # It is gone before the result is printed.
    assert "\r\x1b[K" in t.seen
    assert re.search(r"\r\x1b\[K[0-9a-f]{64}  6\.0 MiB", t.seen)
    shared.mvctl("image", "remove", name)


def test_no_bar_without_a_terminal(shared):
    name = shared.write("quiet", image(6 << 20, seed=3))
    run = subprocess.run([MVCTL, "image", "push", name], cwd=shared.path, env=shared.env,
                         capture_output=True, timeout=120, check=True)
    assert run.stderr == b""
    shared.mvctl("image", "remove", name)
