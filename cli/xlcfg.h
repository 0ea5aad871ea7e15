/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the keys of an xl.cfg file mean: from settings to a VM's description.
 */
#ifndef CLI_XLCFG_H
#define CLI_XLCFG_H

#include "cfg.h"
#include "vm/vmdesc.h"

struct vm_spec {
	char *origin;		/* the file's path, for messages */
	struct vm_config vm;	/* modules without data yet */
	bool has_uuid;
	char *kernel;		/* paths that can be opened from here */
	char *ramdisk;		/* NULL: none */
	unsigned int kernel_line;
	unsigned int ramdisk_line;
	/* SHA-256 of modules that are a node's images; NULL: they are files. */
	const uint8_t *kernel_digest;
	const uint8_t *ramdisk_digest;
};

/*
 * Read the file `path` into *spec. Relative paths in it count from its own
 * directory. 0, or -1 after telling all that is wrong.
 */
int xlcfg_read(struct vm_spec *spec, const char *path);

/* Read one vif as it stands in the list `vif`. 0, or -1 after telling. */
int xlcfg_vif(struct vm_vif_config *vif, const char *text);
void xlcfg_free(struct vm_spec *spec);

#endif
