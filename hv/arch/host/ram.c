/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host port: RAM of the machine, one private mapping.
 */
#include <stdio.h>
#include <sys/mman.h>

#include "port.h"
#include <arch/cpu.h>

HOST_KEEP uint8_t *host_ram;

void host_ram_reset(void)
{
	void *p;

	if (host_ram != NULL) {
		if (madvise(host_ram, HOST_RAM_SIZE, MADV_DONTNEED) != 0) {
			host_fatal("madvise failed");
		}
		return;
	}
	p = mmap(NULL, HOST_RAM_SIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		host_fatal("no memory for the machine's RAM");
	}
	host_ram = p;
}
