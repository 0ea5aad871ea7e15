# SPDX-License-Identifier: Apache-2.0
"""The tools of the tests themselves: agent, harness, determinism of images."""
import os
import subprocess

import harness
from conftest import GUESTS, log_path


def test_agent_on_plain_linux():
    """The demo guest without any hypervisor."""
    with harness.PlainMachine(
            kernel=os.path.join(GUESTS, "Image"),
            bundle=os.path.join(GUESTS, "demo.cpio.gz"), ram=256,
            append="console=ttyAMA0", log=log_path("plain")) as machine:
        guest = machine.guest("a", 1).wait_ready()
        assert guest.run("echo one; echo two >&2").output == "one\ntwo"
        assert guest.run("exit 7", check=False).status == 7
        long = guest.run("head -c 1000 /dev/zero | tr '\\0' x").output
        assert long == "x" * 1000
        jobs = [guest.start(f"sleep 0.{n}; echo {n}") for n in range(5)]
        assert [job.wait().output for job in jobs] == list("01234")
        endless = guest.start("sleep 1000")
        endless.kill()
        assert endless.wait(check=False).status == 128 + 9


def test_rendered():
    assert harness.rendered("abc\b\bX\r") == "aXc"
    assert harness.rendered("mv> \r(a) @end") == "(a) @end"


def test_initrd_is_reproducible(tmp_path):
    path = tmp_path / "again.cpio.gz"
    subprocess.run([os.path.join(harness.TOP, "guests", "demo", "mkinitrd"),
                    "standard", str(path)], check=True, timeout=60)
    with open(os.path.join(GUESTS, "demo.cpio.gz"), "rb") as file:
        assert file.read() == path.read_bytes()
