/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as people write them: addresses, digests, sets of CPUs, sizes.
 */
#ifndef CLI_OUT_HUMAN_H
#define CLI_OUT_HUMAN_H

#include <stddef.h>
#include <stdint.h>

/* Into `buf`, which takes 18, 2 * len + 1 and 37 bytes. */
void format_mac(char *buf, const uint8_t *mac);
void format_hex(char *buf, const uint8_t *p, size_t len);
void format_uuid(char *buf, const uint8_t *uuid);

/* "0-3,6"; "any" for an empty mask, and for one of all CPUs. */
void format_cpus(char *buf, size_t size, uint64_t mask);

/* "512 B", "3.0 KiB", "36.4 MiB", "1.5 GiB"; 16 bytes are enough. */
void format_size(char *buf, size_t size, uint64_t bytes);

/*
 * `2 * len` hexadecimal digits into out[0..len). 0, or -1 when `s` is
 * anything else.
 */
int parse_hex(const char *s, uint8_t *out, size_t len);

/*
 * "all" or "any" (0), "3", "0-2", "0-3,^2" into a mask of CPUs below 64.
 * 0, or -1 when the text is malformed or leaves no CPU.
 */
int parse_cpus(const char *s, uint64_t *mask);

#endif
