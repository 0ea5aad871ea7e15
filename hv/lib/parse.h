/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers and addresses from text that may come from anyone.
 */
#ifndef LIB_PARSE_H
#define LIB_PARSE_H

#include "lib/types.h"

/*
 * The whole of s[0..len) as an unsigned number, decimal or with 0x
 * hexadecimal. 0, -EINVAL (not a number) or -ERANGE (above `max`).
 */
MUST_CHECK int parse_u64(const char *s, size_t len, uint64_t max,
			 uint64_t *out);

/* "aa:bb:cc:dd:ee:ff" to 6 bytes. 0 or -EINVAL. */
MUST_CHECK int parse_mac(const char *s, size_t len, uint8_t mac[6]);

#endif
