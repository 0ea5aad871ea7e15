/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks in xl's syntax (xl-disk-configuration(5)), and the storage network.
 */
#ifndef CLI_XLCFG_DISK_H
#define CLI_XLCFG_DISK_H

#include "vm/vmdesc.h"

/*
 * Add the disk that `text` describes: "vdev=xvda, target=aoe:1.2, access=rw",
 * or "aoe:1.2,raw,xvda,rw". False: told with the file's path and the line.
 */
bool xlcfg_read_disk(struct vm_config *vm, const char *path, unsigned int line, const char *text);

/* "vlan=100,mtu=9000,mac=aa:bb:cc:dd:ee:ff,reserve=1,mask=1" of the command line. */
bool storage_read(struct vm_storage_config *c, const char *text);

#endif
