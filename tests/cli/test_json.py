# SPDX-License-Identifier: Apache-2.0
"""mvctl -o json: well-formed, and no name that docs/mvctl-json.md hasn't."""

import json
import re

import pytest

from segment import ROOT

DOC = set(re.findall(r"`([a-z_0-9]+)`", (ROOT / "docs/mvctl-json.md").read_text()))
VERBS = ["discover", "info", "info web", "list", "list --all", "vcpu-list", "sched web",
         "network-list web", "network-attach web vlan=7,trunk=8:9", "block-list web", "image push Image",
         "image list", "ports", "fdb", "counters", "cpus", "dmesg", "events",
         "top -n 2 -d 1", "pause web", "rename web www", "create two.cfg", "destroy two www"]


def names(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names(inner)


@pytest.fixture(scope="module")
def said(shared):
    shared.cfg("two")
    shared.mvctl("create", shared.cfg("web", vcpus=2, vif="['trunk=10:20']"))
    return {verb: [json.loads(line) for line in
                   shared.mvctl(*verb.split(), "-o", "json").splitlines()] for verb in VERBS}


@pytest.mark.parametrize("verb", VERBS)
def test_names(said, verb):
    assert said[verb]
    for value in said[verb]:
        assert value["schema"] == 1
        assert ("node" in value) == (verb not in ("discover", "list --all"))
        assert set(names(value)) <= DOC


def test_all_documented_names_are_there(said):
    """But those of the document's explanations."""
    seen = set()
    for values in said.values():
        for value in values:
            seen |= set(names(value))
    text = (ROOT / "docs/mvctl-json.md").read_text().split("## Node")[1]
    tables = re.findall(r"^\| (`[^|]*`) \|", text, re.M)
    promised = set(re.findall(r"`([a-z_0-9]+)`", " ".join(tables)))
    assert len(promised) > 20
    assert promised <= seen


def test_values(said):
    vif = said["network-attach web vlan=7,trunk=8:9"][0]["vif"]
    assert (vif["vlan"], vif["trunk"]) == (7, [8, 9])
    assert said["network-list web"][0]["vifs"][0]["trunk"] == [10, 20]
    assert said["info web"][0]["vm"]["ramdisk_sha256"] is None
    assert said["vcpu-list"][0]["vms"][0]["vcpus"][1]["cpu"] is None
    assert any(entry["age_seconds"] is None for entry in said["fdb"][0]["fdb"])
    assert [d["object"] for d in said["destroy two www"]] == ["two", "www"]
