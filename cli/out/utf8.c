/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 (RFC 3629).
 */
#include "out/utf8.h"

#include <stdint.h>

static size_t expected(unsigned char c)
{
	if (c < 0x80) {
		return 1;
	}
	if (c >= 0xc2 && c <= 0xdf) {
		return 2;
	}
	if (c >= 0xe0 && c <= 0xef) {
		return 3;
	}
	return c >= 0xf0 && c <= 0xf4 ? 4 : 0;
}

size_t utf8_length(const char *s, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = len > 0 ? expected((unsigned char)s[0]) : 0;
	uint32_t code;

	if (n == 0 || n > len) {
		return 0;
	}
	code = (unsigned char)s[0] & (n == 1 ? 0x7f : 0xffU >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80) {
			return 0;
		}
		code = code << 6 | ((unsigned char)s[i] & 0x3f);
	}
	if (code < least[n] || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff)) {
		return 0;
	}
	return n;
}

void print_safe(FILE *to, const char *s, size_t len)
{
	while (len > 0) {
		size_t n = utf8_length(s, len);
		unsigned char c = (unsigned char)*s;
		/* U+0080 to U+009F are control characters, too. */
		int control = n == 0 || c == 0x7f ||
			(c < 0x20 && c != '\n' && c != '\t') ||
			(n == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0);

		if (control) {
			fputc('?', to);
		} else {
			fwrite(s, 1, n, to);
		}
		n = n == 0 ? 1 : n;
		s += n;
		len -= n;
	}
}
