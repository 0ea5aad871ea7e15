/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers and addresses from text.
 *
 * Locking: none.
 */
#include "lib/parse.h"

#define MAC_BYTES	6
#define MAC_TEXT_LEN	(MAC_BYTES * 3 - 1)

/* The value of a digit in any base up to 16, or 16. */
static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9') {
		return (unsigned int)(c - '0');
	}
	if (c >= 'a' && c <= 'f') {
		return (unsigned int)(c - 'a') + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return (unsigned int)(c - 'A') + 10;
	}
	return 16;
}

int parse_u64(const char *s, size_t len, uint64_t max, uint64_t *out)
{
	unsigned int base = 10;
	uint64_t value = 0;
	bool over = false;

	if (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
		len -= 2;
	}
	if (len == 0) {
		return -EINVAL;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned int digit = digit_value(s[i]);

		if (digit >= base) {
			return -EINVAL;
		}
		if (value > (UINT64_MAX - digit) / base) {
			over = true;	/* but the rest may be no number */
			value = 0;
		}
		value = value * base + digit;
	}
	if (over || value > max) {
		return -ERANGE;
	}
	*out = value;
	return 0;
}

int parse_mac(const char *s, size_t len, uint8_t mac[6])
{
	uint8_t bytes[MAC_BYTES];

	if (len != MAC_TEXT_LEN) {
		return -EINVAL;
	}
	for (size_t i = 0; i < MAC_BYTES; i++) {
		unsigned int high = digit_value(s[i * 3]);
		unsigned int low = digit_value(s[i * 3 + 1]);

		if (high > 15 || low > 15 || (i + 1 < MAC_BYTES && s[i * 3 + 2] != ':')) {
			return -EINVAL;
		}
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	for (size_t i = 0; i < MAC_BYTES; i++) {
		mac[i] = bytes[i];
	}
	return 0;
}
