/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of verbs, in the order of `mvctl help`.
 */
#include "verbs.h"

#include <stddef.h>
#include <string.h>

const struct verb verbs[] = {
	{
		"bundle", "make a boot bundle from xl.cfg files, or show one",
		"usage: mvctl bundle -o FILE [--node NODECFG] [--storage SPEC] CFG...\n"
		"       mvctl bundle --list FILE\n"
		"\n"
		"Make one file from VM configurations and the kernels and RAM\n"
		"disks that they name; a boot loader hands it to Microvisor as\n"
		"the initrd. Paths in a CFG count from its own directory. A file\n"
		"that several VMs use is stored once.\n"
		"\n"
		"  -o, --output FILE   the bundle to write\n"
		"      --node NODECFG  the node's name, key and so on: it can then be\n"
		"                      managed (docs/vm-description.md)\n"
		"      --storage SPEC  the machine's storage network, for disks:\n"
		"                      vlan=ID[,mtu=N][,mac=MAC][,reserve=1]\n"
		"  -l, --list          show what is in a bundle\n"
		"      --no-check      write the bundle though a VM of it can't start\n"
		"  -h, --help          this text\n",
		verb_bundle, false,
	},
	{
		"keygen", "make a key for a node",
		"usage: mvctl [-N NODE] keygen [FILE]\n"
		"\n"
		"Print a new key, or write it to FILE, which must be a new one and only its\n"
		"owner may read. With -N the line is for that node only. Lines of several\n"
		"keygens together make a file for many nodes:\n"
		"\n"
		"    NODE KEY       for the node of this name or id\n"
		"    KEY            for all others\n"
		"\n"
		"The file is named to other verbs by -k or MVCTL_KEY. The node gets the key\n"
		"by its description (docs/vm-description.md).\n",
		verb_keygen, true,
	},
	{
		"hub", "join emulated nodes and mvctls to one segment",
		"usage: mvctl hub PATH [NODE...]\n"
		"\n"
		"Be an Ethernet segment at the datagram socket PATH until a signal says stop.\n"
		"Each NODE is the socket of a QEMU that sends to PATH:\n"
		"\n"
		"    -netdev dgram,id=n,local.type=unix,local.path=NODE,\n"
		"            remote.type=unix,remote.path=PATH\n"
		"\n"
		"Any number of mvctls joins it with -t unix:PATH.\n",
		verb_hub, false,
	},
	{
		"discover", "show the nodes of the segment",
		"usage: mvctl discover [-w SECONDS]\n"
		"\n"
		"  -w, --wait SECONDS   how long to listen (default 0.6)\n",
		verb_discover, true,
	},
	{
		"info", "show a node, or a VM",
		"usage: mvctl info [VM]\n"
		"\n"
		"A VM is given by its name or its id, here and everywhere.\n",
		verb_info, true,
	},
	{
		"list", "list VMs",
		"usage: mvctl list [--all]\n"
		"\n"
		"  -a, --all   of all nodes\n",
		verb_list, true,
	},
	{
		"create", "create a VM from an xl.cfg file",
		"usage: mvctl create [-p] [-c] [--no-wait] CFG\n"
		"\n"
		"Push the kernel and the RAM disk that CFG names, unless the node has them,\n"
		"and create the VM. Done when it runs.\n"
		"\n"
		"  -p, --paused    leave it paused before its first instruction\n"
		"  -c, --console   attach to its console then\n"
		"      --no-wait   don't wait until it is built\n",
		verb_create, true,
	},
	{
		"destroy", "end VMs at once and for good",
		"usage: mvctl destroy [--wait[=SECONDS]] VM...\n"
		"\n"
		"  -w, --wait[=SECONDS]   until it is gone (for 60 s if not said otherwise)\n",
		verb_power, true,
	},
	{
		"shutdown", "ask VMs to power off",
		"usage: mvctl shutdown [--wait[=SECONDS]] VM...\n"
		"\n"
		"  -w, --wait[=SECONDS]   until it is off or gone (for 60 s)\n",
		verb_power, true,
	},
	{
		"reboot", "ask VMs to reboot",
		"usage: mvctl reboot VM...\n",
		verb_power, true,
	},
	{
		"restart", "end VMs at once and start them again",
		"usage: mvctl restart VM...\n",
		verb_power, true,
	},
	{
		"start", "start VMs that are off or failed",
		"usage: mvctl start [--wait[=SECONDS]] VM...\n"
		"\n"
		"  -w, --wait[=SECONDS]   until it runs, or failed (for 60 s)\n",
		verb_power, true,
	},
	{
		"pause", "stop all vCPUs of VMs",
		"usage: mvctl pause VM...\n",
		verb_power, true,
	},
	{
		"unpause", "let paused VMs go on",
		"usage: mvctl unpause VM...\n",
		verb_power, true,
	},
	{
		"rename", "give a VM another name",
		"usage: mvctl rename VM NAME\n",
		verb_rename, true,
	},
	{
		"mem-set", "set how much memory a VM should hold",
		"usage: mvctl mem-set VM SIZE\n"
		"\n"
		"SIZE is in MiB, or with a k, m or g behind it. The guest's balloon driver\n"
		"does it in its own time; more than was described isn't possible.\n",
		verb_mem_set, true,
	},
	{
		"vcpu-list", "list vCPUs",
		"usage: mvctl vcpu-list [VM...]\n",
		verb_vcpu_list, true,
	},
	{
		"vcpu-pin", "say on which CPUs a vCPU may run",
		"usage: mvctl vcpu-pin VM VCPU|all CPUS\n"
		"\n"
		"CPUS is as in xl: all, 3, 0-2 or 0-3,^2.\n",
		verb_vcpu_pin, true,
	},
	{
		"vcpu-set", "ask a VM to have a number of vCPUs online",
		"usage: mvctl vcpu-set VM COUNT\n",
		verb_vcpu_set, true,
	},
	{
		"sched", "show or set a VM's share of the CPUs",
		"usage: mvctl sched VM [-w WEIGHT] [-c CAP]\n"
		"\n"
		"  -w, --weight WEIGHT   1 to 65535; others have 256\n"
		"  -c, --cap CAP         per cent of one CPU; 0: none\n",
		verb_sched, true,
	},
	{
		"network-attach", "add a network interface to a VM",
		"usage: mvctl network-attach VM [VIF]\n"
		"\n"
		"VIF is as in the list `vif` of xl.cfg, as mac=00:16:3e:00:00:02,vlan=7.\n",
		verb_network_attach, true,
	},
	{
		"network-detach", "take a network interface from a VM",
		"usage: mvctl network-detach VM VIF|MAC\n",
		verb_network_detach, true,
	},
	{
		"network-list", "list network interfaces of a VM",
		"usage: mvctl network-list VM\n",
		verb_network_list, true,
	},
	{
		"block-attach", "add a disk to a VM",
		"usage: mvctl block-attach VM DISK\n"
		"\n"
		"DISK is as in the list `disk` of xl.cfg, as aoe:1.2,raw,xvda,w or\n"
		"vdev=xvda,target=dd:uplink/vda.\n",
		verb_block_attach, true,
	},
	{
		"block-detach", "take a disk from a VM",
		"usage: mvctl block-detach VM NAME\n",
		verb_block_detach, true,
	},
	{
		"block-list", "list disks of a VM",
		"usage: mvctl block-list VM\n",
		verb_block_list, true,
	},
	{
		"console", "attach to a VM's console",
		"usage: mvctl console [--no-history] [--read-only] [--once] VM\n"
		"\n"
		"Ctrl-] leaves it. Several may be attached at once.\n"
		"\n"
		"  -n, --no-history   begin with what comes, not with what was kept\n"
		"  -r, --read-only    nothing that is typed goes to the VM\n"
		"  -1, --once         print what was kept and leave\n",
		verb_console, true,
	},
	{
		"top", "watch what VMs use",
		"usage: mvctl top [-d SECONDS] [-n COUNT]\n"
		"\n"
		"q leaves it.\n"
		"\n"
		"  -d, --delay SECONDS      between two looks (default 2)\n"
		"  -n, --iterations COUNT   print this often, one under the other\n",
		verb_top, true,
	},
	{
		"dmesg", "show the hypervisor's log",
		"usage: mvctl dmesg [-f]\n"
		"\n"
		"  -f, --follow   and what comes, until a signal says stop\n",
		verb_dmesg, true,
	},
	{
		"events", "show what happened",
		"usage: mvctl events [-f] [--new] [-n COUNT]\n"
		"\n"
		"  -f, --follow        and what comes, until a signal says stop\n"
		"      --new           only what comes\n"
		"  -n, --count COUNT   end after this many\n",
		verb_events, true,
	},
	{
		"image", "push, list and remove kernels and RAM disks",
		"usage: mvctl image push FILE...\n"
		"       mvctl image list\n"
		"       mvctl image remove DIGEST|NAME...\n"
		"\n"
		"A push that was broken off goes on where it was. DIGEST is the SHA-256, or\n"
		"its first digits (4 or more).\n",
		verb_image, true,
	},
	{
		"ports", "list ports of the switch",
		"usage: mvctl ports\n",
		verb_ports, true,
	},
	{
		"fdb", "show the switch's forwarding table",
		"usage: mvctl fdb\n",
		verb_fdb, true,
	},
	{
		"counters", "show counters of a node, or of a port",
		"usage: mvctl counters [PORT]\n",
		verb_counters, true,
	},
	{
		"cpus", "list CPUs",
		"usage: mvctl cpus\n",
		verb_cpus, true,
	},
	{
		"capture", "write a port's frames as pcapng",
		"usage: mvctl capture [-w FILE] [-c COUNT] [-s BYTES] [-r KIB] PORT\n"
		"\n"
		"PORT is a number or a name of `mvctl ports`. To watch in Wireshark:\n"
		"\n"
		"    mvctl capture 3 | wireshark -k -i -\n"
		"\n"
		"  -w, --write FILE    write there, not to standard output\n"
		"  -c, --count COUNT   end after this many frames\n"
		"  -s, --snap BYTES    of each frame (default 128)\n"
		"  -r, --ring KIB      the node keeps this much (default 256)\n"
		"      --own           also the frames of this very conversation\n",
		verb_capture, true,
	},
	{
		"exporter", "serve metrics to Prometheus",
		"usage: mvctl exporter ADDRESS:PORT\n"
		"\n"
		"Answer GET /metrics with the metrics of all nodes, or of the one that -N\n"
		"names, until a signal says stop.\n",
		verb_exporter, true,
	},
	{
		"node", "power a node off, or reset it",
		"usage: mvctl -N NODE node poweroff|reset\n",
		verb_node, true,
	},
	{
		"help", "this text, or the help of a verb",
		"usage: mvctl help [VERB]\n",
		verb_help, false,
	},
	{
		"version", "print the version",
		"usage: mvctl version\n",
		verb_version, false,
	},
	{ .name = NULL },
};

const struct verb *find_verb(const char *name)
{
	for (const struct verb *v = verbs; v->name != NULL; v++) {
		if (strcmp(v->name, name) == 0) {
			return v;
		}
	}
	return NULL;
}
