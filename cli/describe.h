/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Write the description of a VM, or of the node itself, as the flattened tree
 * that the hypervisor reads.
 */
#ifndef CLI_DESCRIBE_H
#define CLI_DESCRIBE_H

#include "nodecfg.h"
#include "xlcfg.h"

/* Enough for the longest description. */
#define DESCRIBE_SIZE	16384

/*
 * One tree with one VM; its modules are named by their digests, or by
 * vm.kernel.name and vm.ramdisk.name ("": none). Returns the tree's size, or
 * 0 when it doesn't fit into buf[0..size).
 */
size_t describe_vm(const struct vm_spec *spec, void *buf, size_t size);

/* The same for the machine's storage network. */
size_t describe_storage(const struct vm_storage_config *c, void *buf, size_t size);

/* One tree with the node's description. As describe_vm(). */
size_t describe_node(const struct node_spec *spec, void *buf, size_t size);

#endif
