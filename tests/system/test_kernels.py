# SPDX-License-Identifier: Apache-2.0
"""Other kernels of Debian as guests, without any change for them."""
import os

import pytest

import harness


@pytest.mark.parametrize("kernel", ["cloud", "rt"])
def test_kernel(vms, machines, kernel):
    image = os.path.join(harness.BUILD, "deps", "kernel", kernel, "Image")
    ramdisk = f"demo-{kernel}.cpio.gz"
    bundle = vms.bundle(
        vms.config("a", kernel=image, ramdisk=ramdisk, ip="10.0.0.2",
                   vcpus=2, memory=256),
        vms.config("b", ip="10.0.0.3"))
    machine = machines.boot(bundle, ram=1024)
    a = machine.guest("a", 1).wait_ready()
    machine.guest("b", 2).wait_ready()
    assert kernel in a.run("uname -r").output
    assert a.run("nproc").output == "2"
    a.run("ping -c 5 -i 0.2 -w 20 10.0.0.3")
    assert "state" in a.run(
        "xenstore-ls /local/domain/$(xenstore-read domid)/device").output
    a.start("reboot -f")
    a.wait_ready(90, starts=2)
