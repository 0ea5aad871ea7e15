# SPDX-License-Identifier: Apache-2.0
"""Fixtures of mvctl's tests."""

import pytest

import segment as lib


@pytest.fixture
def segment(tmp_path_factory):
    """A hub without nodes yet. (Sockets have short paths.)"""
    s = lib.Segment(tmp_path_factory.mktemp("s"))
    s.write("Image", lib.image(100000))
    s.write("initrd", b"ramdisk" * 1000)
    yield s
    s.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One node for the tests of a file that leave no traces."""
    s = lib.Segment(tmp_path_factory.mktemp("s"))
    s.write("Image", lib.image(100000))
    s.write("initrd", b"ramdisk" * 1000)
    s.start()
    s.env["MVCTL_NODE"] = "node-1"
    yield s
    s.stop()
