/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writer of captures (pcapng, draft-ietf-opsawg-pcapng), in this machine's
 * byte order as the format allows, with times in nanoseconds.
 */
#ifndef CLI_OUT_PCAPNG_H
#define CLI_OUT_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The heads of a file and of its only interface. */
void pcapng_begin(FILE *to, const char *application, const char *interface,
		  uint32_t snap);

struct pcapng_frame {
	uint64_t time_ns;
	const void *data;
	uint32_t captured;
	uint32_t length;	/* on the wire */
	bool inbound;		/* to the interface's owner */
};

void pcapng_frame(FILE *to, const struct pcapng_frame *f);

/* How many frames there were, and how many of them aren't in the file. */
void pcapng_end(FILE *to, uint64_t time_ns, uint64_t received,
		uint64_t dropped);

#endif
