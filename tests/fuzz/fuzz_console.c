/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PV console against a guest that writes anything anywhere in its ring
 * page, and an operator who types anything: the terminal must get printable
 * lines only, and every line of the guest must carry its prefix.
 */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "vm/console.h"
#include "vm/mux.h"

static const uint8_t *typed;
static size_t typed_len;
static char line[8192];
static size_t line_len;
static size_t cursor;

static void check_line(void)
{
	line[line_len] = '\0';
	if (line_len > 0 && strncmp(line, "(g) ", 4) != 0 && strncmp(line, "--", 2) != 0 &&
	    line[0] != '[') {
		abort();
	}
	line_len = 0;
	cursor = 0;
}

static void fake_putc(char c)
{
	if (mux_get_mode() == MUX_RAW) {
		line_len = 0;
		cursor = 0;
	} else if (c == '\n') {
		check_line();
	} else if (c == '\b') {
		/* A guest can't go back into its prefix. */
		if (cursor <= 4) {
			abort();
		}
		cursor--;
	} else if (c != '\r') {
		if (c < ' ' || c > '~' || cursor >= sizeof(line) - 1) {
			abort();
		}
		line[cursor++] = c;
		line_len = MAX(line_len, cursor);
	}
}

static int fake_getc(void)
{
	int c = -1;

	if (typed_len > 0) {
		typed_len--;
		/* Not the key that changes to raw mode. */
		c = *typed != 'a' ? *typed : 'A';
		typed++;
	}
	return c;
}

static bool fake_can_put(void)
{
	return true;
}

static const struct uart_ops fake_uart = {
	.putc = fake_putc,
	.getc = fake_getc,
	.can_put = fake_can_put,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct domain *d;

	host_reset();
	line_len = 0;
	cursor = 0;
	mux_init(&fake_uart);
	if (domain_create(1, "g", 1, &d) != 0) {
		abort();
	}
	/* Records: kind, length, then the bytes. */
	while (size >= 2) {
		uint8_t kind = data[0];
		size_t n = MIN((size_t)data[1] + 1, size - 2);
		char *page = d->console_page;
		uint32_t *prod = (uint32_t *)(void *)(page + 3084);

		data += 2;
		size -= 2;
		switch (kind % 6) {
		case 0:			/* honest output */
			for (size_t i = 0; i < n; i++) {
				page[1024 + (*prod)++ % 2048] = (char)data[i];
			}
			break;
		case 1:			/* the indices */
			memcpy(page + 3072, data, MIN(n, (size_t)16));
			break;
		case 2:
			typed = data;
			typed_len = n;
			while (typed_len > 0) {
				mux_uart_irq();
			}
			break;
		case 3:
			console_guest_raw(d, (const char *)data, n);
			break;
		case 4:
			host_advance(MUX_FLUSH_NS);
			break;
		default:
			console_notified(d);
			break;
		}
		console_notified(d);
		data += n;
		size -= n;
	}
	host_advance(MUX_REDRAW_NS);
	host_finish();
	return 0;
}
