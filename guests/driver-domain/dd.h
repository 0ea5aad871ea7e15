/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver domain's only program. What its parts offer each other.
 *
 * Errors are told on the console at once; a function that can fail returns
 * false then.
 */
#ifndef DD_H
#define DD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATH_LEN	512
#define NAME_LEN	64

/* One line on the console: "uplink: TEXT". */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* file.c: small files of proc and sysfs */

/* The text without the newline at its end; false if there is none. */
bool file_text(const char *path, char *text, size_t size);
/* Exactly so many bytes of a file, or more than it has: false. */
bool file_bytes(const char *path, void *data, size_t size);
/* The number in a file, or `otherwise`. */
uint64_t file_number(const char *path, uint64_t otherwise);
bool file_write(const char *path, const char *text);
/* Remove all files of a folder. */
void files_remove(const char *folder);
/* The word KEY=... of the kernel's command line; false if it isn't there. */
bool cmdline_word(const char *key, char *value, size_t size);

/* module.c */

/*
 * Load the modules of every device on a bus, by their modaliases. False if
 * there was nothing to load that wasn't loaded before.
 */
bool modules_for_bus(const char *bus);
/* Load one by its name, with what it needs. */
bool module_load(const char *name);
/* Give the memory of the files back; nothing can be loaded after it. */
void modules_forget(void);

/* nics.c: which network interfaces there are */

struct nic {
	char name[NAME_LEN];	/* of the interface */
	char device[NAME_LEN];	/* "0000:00:01.0" */
	char driver[NAME_LEN];
	unsigned int vif;	/* of a vif: its number */
	bool netfront;		/* it is a netfront, no virtio device of the hypervisor */
};

#define NICS_MAX 8

/* Network cards in the order of their addresses. How many. */
unsigned int nics_find(struct nic *nics, unsigned int max);
/* How many vifs the hypervisor gave the domain. */
unsigned int vifs_expected(void);
/* vifs that have a driver, in the order of their numbers. */
unsigned int vifs_find(struct nic *vifs, unsigned int max);

/* link.c: network interfaces */

/* A card that can't is used with what it has. */
void link_mtu(const char *name, unsigned int mtu);
/* Set promiscuous mode, and bring it up. */
bool link_up(const char *name);
bool link_down(const char *name);
/* Whatever comes in at `from` goes out at `to`, unchanged, by tc. */
bool link_redirect(const char *from, const char *to);
/* Have the driver run an XDP program for each frame; -1: none. 0 or an error's number. */
int link_set_xdp(const char *name, int program);

/* offload.c: what drivers do by themselves */

/* No frames larger than the sender made them, but as GRO does it. */
void link_no_lro(const char *name);
/* No TCP segments by a card that is known to make them wrongly. */
void link_no_wrong_segments(const char *name);
/* Don't look for frames that could become one: those of a vif are large already. */
void link_no_gro(const char *name);
/*
 * virtio_net, before it's up: no interrupt for each frame sent. What was sent is
 * freed when the next one is.
 */
void link_no_sent_irqs(const char *name);
/* Frames that were to be sent by XDP and weren't. They count as nothing else. */
uint64_t link_xdp_drops(const char *name);

/* xdp.c */

/*
 * Whatever comes in at one goes out at the other, unchanged, in both directions.
 * False if a driver or the kernel can't do that; nothing is changed then.
 */
bool xdp_connect(const char *a, const char *b);

/* disk.c: disks for other VMs */

/* Load what they need beside their drivers; false if there is none. */
bool disks_prepare(void);
/* Tell XenStore of those that are new; `all`: no more are expected. */
void disks_report(bool all);

/* volumes.c: logical volumes (LVM) */

/* Read which disks hold them, and load what they need. */
void volumes_prepare(void);
/*
 * Have those activated that have appeared; `all`: no more disks are expected. False
 * while some are expected.
 */
bool volumes_look(bool all);
/* Logical volumes are on it, on a part of it, or on the disk that it is a part of. */
bool volumes_own(const char *entry);

/* store.c: XenStore */

/* False: this isn't a Xen guest, or there is no device to talk through. */
bool store_open(void);
/* Relative paths are below the domain's own. */
bool store_read(const char *path, char *value, size_t size);
bool store_write(const char *path, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
