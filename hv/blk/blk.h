/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block devices as hv/init and the prompt see them. Volumes and their
 * counters: blk/volume.h.
 */
#ifndef BLK_BLK_H
#define BLK_BLK_H

#include "blk/blkback.h"
#include "vm/domain.h"
#include "vm/vmdesc.h"

/* Have vbds go with their domains. After net_init(); boot only. -ENOMEM. */
MUST_CHECK int blk_init(void);

/*
 * Give a domain that is being built its vbd `index`: a volume named after the
 * domain and the device, and the device in XenStore. The target need not be
 * there: the guest's driver waits for it. -EINVAL (target), -ENODEV (no such
 * kind of target), -ENOENT (no such driver domain), -EEXIST, -ENOSPC, -ENOMEM. No lock held.
 */
MUST_CHECK int blk_vbd_create(struct domain *d, unsigned int index,
			      const struct vm_vbd_config *config);

/*
 * Ask the guest to let go of the vbd `name`, which is removed when it has.
 * -ENOENT, -EBUSY (asked already).
 */
MUST_CHECK int blk_vbd_unplug(struct domain *d, const char *name);

const char *vbd_counter_name(enum vbd_counter c);
/* Call `fn` for each vbd; it must not add or remove one. */
void blk_for_each_vbd(void (*fn)(const struct vbd *v, void *ctx), void *ctx);

#endif
