# SPDX-License-Identifier: Apache-2.0
"""Boot the hypervisor in QEMU and talk to its guests over the one UART.

The hypervisor prints each line of a guest as "(NAME) text" and its own log as
"[  12.345678] LEVEL area: text". Ctrl-] followed by a digit gives the input to
the domain with that number (0: the hypervisor's own prompt). In the guests
guests/common/agent.c runs commands; its head describes the messages.

Everything that waits has a time limit, and QEMU is always ended.

    with Machine(bundle) as machine:
        a = machine.guest("a", 1)
        a.wait_ready()
        print(a.run("uname -r").output)
"""
import collections
import ctypes
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time

TOP = os.path.normpath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.join(TOP, "build")
HYPERVISOR = os.environ.get("MV_HYPERVISOR") or os.path.join(
    BUILD, "arm64", "microvisor.bin")
DEPS_KERNEL = os.path.join(BUILD, "deps", "kernel", "standard")
MVCTL = os.environ.get("MVCTL") or os.path.join(BUILD, "host", "mvctl")
# Slow machines can stretch every time limit.
PATIENCE = float(os.environ.get("MV_PATIENCE", "1"))

FOCUS_KEY = "\x1d"
GUEST_LINE = re.compile(r"\(([A-Za-z0-9_.:-]+)\) ?(.*)")
LOG_LINE = re.compile(
    r"\[ *(\d+\.\d+)\] +([A-Z]+) +([^:]+): ?(.*)")
AGENT_LINE = re.compile(r"@(ready|out|part|end) (\d+) (\d+) (\d+) (.*)")
PANIC = re.compile(r"panic", re.I)
COMMAND_MAX = 900       # the guest's console ring has 1024 bytes
PR_SET_PDEATHSIG = 1


class Failure(Exception):
    """Something did not happen as it must; the text says what."""


Line = collections.namedtuple("Line", "source text level area")
Result = collections.namedtuple("Result", "status output")


def end_with_parent():
    """In the child: be killed should this program be killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def qemu_command(kernel=None, bundle=None, cpus=2, ram=2048,
                 cpu="cortex-a57", icount=False, parallel=False, append="",
                 sleep=False, extra=()):
    """The command line of the emulated machine, without its serial port.

    One thread of QEMU runs all CPUs in turn, unless they are to be parallel:
    then each TLB invalidation stops them all, which takes 20 times as long
    when there are more CPUs than the host has to spare.
    """
    threads = "multi" if parallel else "single"
    command = [
        "qemu-system-aarch64",
        "-machine", "virt,virtualization=on,gic-version=3",
        "-cpu", cpu, "-smp", str(cpus), "-m", str(ram),
        "-accel", f"tcg,thread={threads},tb-size=512",
        "-nodefaults", "-nic", "none", "-display", "none",
        "-kernel", kernel or HYPERVISOR]
    if bundle:
        command += ["-initrd", bundle]
    if append:
        command += ["-append", append]
    if icount:
        # One nanosecond an instruction, and the same inputs in each run. With
        # `sleep` idle time passes as here: for devices that work in real time.
        command += ["-icount", f"shift=0,sleep={'on' if sleep else 'off'}",
                    "-seed", "1", "-rtc",
                    "base=2026-01-01T00:00:00,clock=vm"]
    return command + list(extra)


def make_bundle(output, *configs, node=None, storage=None, timeout=60):
    """Make a boot bundle from xl.cfg files with mvctl; `node` is the file that
    describes the node for its management, `storage` the storage network."""
    if node:
        configs = ("--node", node, *configs)
    if storage:
        configs = ("--storage", storage, *configs)
    os.makedirs(os.path.dirname(output), exist_ok=True)
    try:
        done = subprocess.run([MVCTL, "bundle", "-o", output, *configs],
                              stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=timeout,
                              check=False)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise Failure(f"mvctl: {problem}") from None
    if done.returncode:
        raise Failure(f"mvctl bundle failed: {done.stderr.strip()}")
    return output


def rendered(line):
    """What a terminal shows of a line with backspaces and such."""
    if not re.search("[\b\r]", line):
        return line
    shown, at = [], 0
    for character in line.rstrip("\r"):
        if character == "\b":
            at = max(at - 1, 0)
        elif character == "\r":
            at = 0
        else:
            shown[at:at + 1] = [character]
            at += 1
    return "".join(shown)


class Job:
    """A command that runs in a guest."""

    def __init__(self, guest, number, command):
        self.guest, self.number, self.command = guest, number, command
        self.lines, self.status = [], None
        self._part = ""

    def feed(self, kind, text):
        if kind == "end":
            self.status = int(text)
        elif kind == "part":
            self._part += text
        else:
            self.lines.append(self._part + text)
            self._part = ""

    @property
    def output(self):
        return "\n".join(self.lines)

    def wait(self, timeout=30, check=True):
        """The command's Result; Failure if it takes longer or, with check,
        if its status is not 0."""
        self.guest.machine.wait_for(
            lambda: self.status is not None, timeout,
            f"{self.guest.name}: '{self.command}' did not end")
        if check and self.status:
            raise Failure(f"{self.guest.name}: '{self.command}' ended with "
                          f"status {self.status}: {self.output[-500:]}")
        return Result(self.status, self.output)

    def wait_line(self, pattern, timeout=30):
        """The first match in the output so far or to come."""
        found = []

        def seen():
            found[:] = [m for m in map(re.compile(pattern).search, self.lines)
                        if m]
            return found or self.status is not None

        self.guest.machine.wait_for(
            seen, timeout,
            f"{self.guest.name}: '{self.command}' did not print '{pattern}'")
        if not found:
            raise Failure(f"{self.guest.name}: '{self.command}' ended with "
                          f"{self.status} before '{pattern}': "
                          f"{self.output[-500:]}")
        return found[0]

    def kill(self):
        if self.status is None:
            self.guest.send(f"@kill {self.number}")


class Guest:
    """One guest with the agent on its console."""

    def __init__(self, machine, name, domid):
        self.machine, self.name, self.domid = machine, name, domid
        self.starts = 0         # how often its agent said it was ready
        self.ready_text = ""
        self.sequence = -1      # of its last message
        self.lines = []
        self.jobs = {}

    def feed(self, text):
        self.lines.append(text)
        match = AGENT_LINE.search(text)
        # What is shown in part, or once more, is not a new message.
        if not match or len(match[5]) != int(match[4]):
            return
        kind, number, sequence = match[1], int(match[2]), int(match[3])
        if kind == "ready":
            self.starts += 1
            self.sequence = sequence
            self.ready_text = match[5]
            for job in self.jobs.values():      # lost with the old kernel
                if job.status is None:
                    job.status = 255
            self.jobs.clear()
        elif sequence > self.sequence:
            self.sequence = sequence
            if number in self.jobs:
                self.jobs[number].feed(kind, match[5])

    def wait_ready(self, timeout=90, starts=1):
        self.machine.wait_for(lambda: self.starts >= starts, timeout,
                              f"{self.name} did not get ready")
        return self

    def wait_line(self, pattern, timeout=30, start=0):
        """The first console line from number `start` on that matches."""
        found = []

        def seen():
            found[:] = [m for m in map(re.compile(pattern).search,
                                       self.lines[start:]) if m]
            return found

        self.machine.wait_for(seen, timeout,
                              f"{self.name} did not print '{pattern}'")
        return found[0]

    def send(self, line):
        if len(line) > COMMAND_MAX:
            raise Failure(f"command too long for the console: {line[:60]}...")
        self.machine.send(self.domid, line + "\n")

    def start(self, command):
        """Start a command and return its Job."""
        job = Job(self, next(self.machine.job_numbers), command)
        with self.machine.changed:
            self.jobs[job.number] = job
        self.send(f"@run {job.number} {command}")
        return job

    def run(self, command, timeout=30, check=True):
        """Run a command and return its Result(status, output)."""
        job = self.start(command)
        try:
            return job.wait(timeout, check)
        except Failure:
            job.kill()
            raise


class Machine:
    """An emulated machine. Its console output is also kept in `log`. `prefix`
    are words before QEMU's command line."""

    def __init__(self, bundle=None, log=None, prefix=(), **machine):
        self.command = [*prefix, *qemu_command(bundle=bundle, **machine)]
        self.log_path = log or os.path.join(BUILD, "tests", "console.log")
        self.guests = {}
        self.log_lines = []     # of the hypervisor
        self.console = collections.deque(maxlen=4000)
        self.changed = threading.Condition()
        self.job_numbers = itertools.count(1)
        self.panic = None
        self.ended = None       # QEMU's exit status
        self.stopping = False
        self._focus = None
        self._qemu = self._reader = self._log = None

    def __enter__(self):
        return self.boot()

    def __exit__(self, *_):
        self.stop()

    def guest(self, name, domid):
        with self.changed:
            guest = self.guests.setdefault(name, Guest(self, name, domid))
            guest.domid = domid
            return guest

    def boot(self):
        os.makedirs(os.path.dirname(self.log_path), exist_ok=True)
        for index, word in enumerate(self.command):
            if word in ("-kernel", "-initrd") and not os.path.exists(
                    self.command[index + 1]):
                raise Failure(f"{self.command[index + 1]} does not exist")
        self._log = open(self.log_path, "wb")
        self._log.write(("# " + " ".join(self.command) + "\n").encode())
        try:
            self._qemu = subprocess.Popen(
                [*self.command, "-monitor", "none", "-serial", "stdio"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, preexec_fn=end_with_parent)
        except OSError as problem:
            raise Failure(f"cannot start QEMU: {problem}") from None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def stop(self):
        self.stopping = True
        if self._qemu:
            self._qemu.kill()
            self._qemu.wait()
            self._reader.join(10)
            self._qemu.stdin.close()
            self._qemu.stdout.close()
            self._qemu = None
        if self._log:
            self._log.close()
            self._log = None

    def _read(self):
        pending = b""
        while True:
            data = os.read(self._qemu.stdout.fileno(), 65536)
            if not data:
                break
            self._log.write(data)
            self._log.flush()
            *lines, pending = (pending + data).split(b"\n")
            with self.changed:
                for line in lines:
                    self._line(rendered(line.decode("utf-8", "replace")))
                self.changed.notify_all()
        status = self._qemu.wait()
        with self.changed:
            if pending:
                self._line(pending.decode("utf-8", "replace"))
            self.ended = status
            self.changed.notify_all()

    def sort(self, text):
        """Whose line is it?"""
        guest = GUEST_LINE.match(text)
        if guest:
            return Line(guest[1], guest[2], None, None)
        log = LOG_LINE.match(text)
        if log:
            return Line(None, log[4], log[2], log[3])
        return Line(None, text, None, None)

    def _line(self, text):
        self.console.append(text)
        line = self.sort(text)
        if line.source is None:
            self.log_lines.append(line)
            if PANIC.match(line.level or line.text) and not self.panic:
                self.panic = text
        elif line.source in self.guests:
            self.guests[line.source].feed(line.text)
        else:
            guest = Guest(self, line.source, None)
            self.guests[line.source] = guest
            guest.feed(line.text)

    def wait_for(self, condition, timeout, what):
        """Wait until condition() is true; Failure after `timeout` seconds, or
        when the machine ends or the hypervisor panics meanwhile."""
        deadline = time.monotonic() + timeout * PATIENCE
        with self.changed:
            while not condition():
                if self.panic:
                    raise Failure(f"{what}: the hypervisor: {self.panic}")
                if self.ended is not None:
                    raise Failure(f"{what}: QEMU ended with {self.ended}")
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Failure(f"{what} within {timeout * PATIENCE:.0f} s")
                self.changed.wait(min(left, 1))

    def wait_log(self, pattern, timeout=30):
        """The first match in the hypervisor's own log, so far or to come."""
        found = []

        def seen():
            found[:] = [m for m in (re.search(pattern, line.text)
                                    for line in self.log_lines) if m]
            return found

        self.wait_for(seen, timeout, f"no log line '{pattern}'")
        return found[0]

    def prompt(self, command, timeout=20):
        """What the hypervisor's prompt answers to a command, as lines. (An
        unknown command after it tells where the answer ends.)"""
        end = f"end-{next(self.job_numbers)}"
        start = len(self.log_lines)
        self.send(0, f"{command}\r{end}\r")
        found = []

        def seen():
            for index, line in enumerate(self.log_lines[start:], start):
                if line.text.startswith(f"no command '{end}'"):
                    found[:] = [index]
            return found

        self.wait_for(seen, timeout, f"the prompt did not answer '{command}'")
        return [line.text for line in self.log_lines[start:found[0]]
                if line.level is None and line.text
                and not line.text.startswith(("mv>", "-- "))]

    def counters(self):
        """The hypervisor's counters since its start, by name."""
        values = {}
        for line in self.prompt("counters"):
            match = re.fullmatch(r" *([a-z][\w .-]*?):? +(\d+)", line)
            if match:
                values[match[1]] = int(match[2])
        return values

    def wait_end(self, timeout=30):
        """Wait until the machine is off; its exit status."""
        self.wait_for(lambda: self.ended is not None, timeout,
                      "the machine did not switch itself off")
        return self.ended

    def send(self, domid, text):
        """Give the input to a domain and type text."""
        if domid is None:
            raise Failure("the guest's domain number is not known")
        data = text
        if self._focus != domid:
            data = f"{FOCUS_KEY}{domid}{text}"
            self._focus = domid
        try:
            self._qemu.stdin.write(data.encode())
            self._qemu.stdin.flush()
        except OSError as problem:
            raise Failure(f"cannot type into QEMU: {problem}") from None

    def tail(self, count=25):
        """The last console lines, for a message about a failure."""
        with self.changed:
            return "\n".join(list(self.console)[-count:])


class PlainMachine(Machine):
    """A kernel without the hypervisor: all output is that of one guest."""

    def __init__(self, name="a", **machine):
        super().__init__(**machine)
        self.name = name

    def sort(self, text):
        return Line(self.name, text, None, None)

    def send(self, domid, text):
        self._focus = domid
        super().send(domid, text)


def complain(machine, failure, stream=sys.stderr):
    """Print a failure, the end of the console log, and what the hypervisor
    itself says about the guests."""
    print(f"{failure}\n----- end of {os.path.relpath(machine.log_path, TOP)}\n"
          f"{machine.tail()}\n-----", file=stream)
    if machine.ended is None and not machine.panic:
        try:
            for command in ("cpus", *(f"info {name}"
                                      for name in machine.guests)):
                print("\n".join(machine.prompt(command, 5)), file=stream)
        except Failure as silent:
            print(silent, file=stream)
    stream.flush()
