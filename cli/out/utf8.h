/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that came from a node or a guest: what of it is UTF-8, and what a
 * terminal may be shown.
 */
#ifndef CLI_OUT_UTF8_H
#define CLI_OUT_UTF8_H

#include <stddef.h>
#include <stdio.h>

/* Bytes of the character at s[0..len); 0: it isn't well-formed UTF-8. */
size_t utf8_length(const char *s, size_t len);

/*
 * Write text with every control character but a newline and a tab shown as
 * '?', so that no guest can drive the operator's terminal.
 */
void print_safe(FILE *to, const char *s, size_t len);

#endif
