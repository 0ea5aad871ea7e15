/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files of hv/init.
 */
#ifndef INIT_INIT_H
#define INIT_INIT_H

/* Wire the modules that every domain needs; before net_init(). Boot only. */
void devices_init(void);

/* Read the descriptions (device tree, bundle) and start all VMs. */
void vms_start(void);

#endif
