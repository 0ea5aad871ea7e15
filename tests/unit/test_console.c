/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PV console (vm/console.c): the ring page as a guest uses and misuses
 * it, with a fake UART behind the multiplexer.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "harness.h"
#include "vm/console.h"
#include "vm/mux.h"

#define RING_IN		1024U
#define RING_OUT	2048U

static char sent[256 * 1024];
static size_t sent_len;
static const char *typed = "";
static bool uart_ready = true;
static unsigned int events;
static struct domain *d;

static void fake_putc(char c)
{
	assert_true(sent_len < sizeof(sent) - 1);
	sent[sent_len++] = c;
	sent[sent_len] = '\0';
}

static int fake_getc(void)
{
	return *typed != '\0' ? (uint8_t)*typed++ : -1;
}

static bool fake_can_put(void)
{
	return uart_ready;
}

static const struct uart_ops fake_uart = {
	.putc = fake_putc,
	.getc = fake_getc,
	.can_put = fake_can_put,
};

static void count_event(struct domain *who)
{
	assert_ptr_equal(who, d);
	events++;
}

static int setup(void **state)
{
	(void)state;
	host_reset();
	sent_len = 0;
	sent[0] = '\0';
	typed = "";
	uart_ready = true;
	events = 0;
	mux_init(&fake_uart);
	console_event = count_event;
	assert_int_equal(domain_create(3, "web", 1, &d), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	uart_ready = true;
	host_finish();
	return 0;
}

/* --- the guest's side ----------------------------------------------------------- */

static uint32_t *index_at(size_t offset)
{
	return (uint32_t *)(void *)((char *)d->console_page + offset);
}

#define IN_CONS		index_at(3072)
#define IN_PROD		index_at(3076)
#define OUT_CONS	index_at(3080)
#define OUT_PROD	index_at(3084)

static void guest_put(const char *text)
{
	char *out = (char *)d->console_page + RING_IN;

	for (; *text != '\0'; text++) {
		assert_true(*OUT_PROD - *OUT_CONS < RING_OUT);
		out[(*OUT_PROD)++ % RING_OUT] = *text;
	}
}

static size_t guest_get(char *buf, size_t size)
{
	const char *in = d->console_page;
	size_t n = 0;

	while (*IN_CONS != *IN_PROD && n < size) {
		buf[n++] = in[(*IN_CONS)++ % RING_IN];
	}
	return n;
}

static void expect(const char *text)
{
	host_run();
	assert_string_equal(sent, text);
	sent_len = 0;
	sent[0] = '\0';
}

static uint64_t misuse(void)
{
	return atomic_load(&d->stats.misuse);
}

/* --- tests ------------------------------------------------------------------------ */

static void test_output(void **state)
{
	(void)state;
	guest_put("hello\r\nworld\r\n");
	console_notified(d);
	assert_int_equal(*OUT_CONS, *OUT_PROD);
	assert_int_equal(events, 1);
	expect("(web) hello\r\n(web) world\r\n");
	/* No event without work: guests count those against us. */
	console_notified(d);
	assert_int_equal(events, 1);
}

static void test_output_wraps(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 200; i++) {
		guest_put("0123456789abcdefghijklm\n");
		console_notified(d);
		expect("(web) 0123456789abcdefghijklm\r\n");
	}
	assert_int_equal(*OUT_CONS, 200 * 24);
}

static void test_output_by_full_rings(void **state)
{
	struct console_stats s;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		*OUT_PROD = RING_OUT * (i + 1);
		memset((char *)d->console_page + RING_IN, '\n', RING_OUT);
		console_notified(d);
		assert_int_equal(*OUT_CONS, *OUT_PROD);
	}
	console_get_stats(d, &s);
	assert_false(s.broken);
	assert_int_equal(s.out_bytes, 3 * RING_OUT);
}

static void test_full_ring_is_emptied_with_a_stuck_uart(void **state)
{
	struct console_stats s;

	(void)state;
	uart_ready = false;
	for (unsigned int i = 0; i < 20; i++) {
		memset((char *)d->console_page + RING_IN, 'x', RING_OUT);
		*OUT_PROD += RING_OUT;
		console_notified(d);
		assert_int_equal(*OUT_CONS, *OUT_PROD);
	}
	uart_ready = true;
	host_advance(10 * MUX_RETRY_NS);
	console_get_stats(d, &s);
	assert_true(s.out_lost > 0);
	assert_int_equal(misuse(), 0);
}

static void test_wrong_output_index(void **state)
{
	struct console_stats s;

	(void)state;
	*OUT_PROD = RING_OUT + 1;
	console_notified(d);
	assert_int_equal(misuse(), 1);
	assert_int_equal(events, 0);
	console_get_stats(d, &s);
	assert_true(s.broken);
	/* The ring stays closed, and it is told once only. */
	*OUT_PROD = 5;
	console_notified(d);
	*OUT_PROD = 0x80000000;
	console_notified(d);
	assert_int_equal(misuse(), 1);
	assert_int_equal(*OUT_CONS, 0);
	host_run();
	assert_null(strstr(sent, "(web)"));
	/* The hypercall still works. */
	console_guest_raw(d, "raw\n", 4);
	expect("(web) raw\r\n");
}

/* The hypervisor never reads back the indices that it owns. */
static void test_own_indices_are_private(void **state)
{
	char buf[16];

	(void)state;
	guest_put("one\n");
	console_notified(d);
	*OUT_CONS = 0xdeadbeef;
	*IN_PROD = 0xdeadbeef;
	*OUT_PROD = 8;
	memcpy((char *)d->console_page + RING_IN + 4, "two\n", 4);
	console_notified(d);
	assert_int_equal(*OUT_CONS, 8);
	expect("(web) one\r\n(web) two\r\n");
	console_input(d, "abc", 3);
	assert_int_equal(*IN_PROD, 3);
	assert_int_equal(guest_get(buf, sizeof(buf)), 3);
	assert_memory_equal(buf, "abc", 3);
}

static void test_wrong_input_index(void **state)
{
	struct console_stats s;

	(void)state;
	*IN_CONS = 1;			/* ahead of the producer */
	console_input(d, "abc", 3);
	assert_int_equal(misuse(), 1);
	assert_int_equal(*IN_PROD, 0);
	assert_int_equal(events, 0);
	console_get_stats(d, &s);
	assert_true(s.broken);
}

static void test_input(void **state)
{
	char buf[64];

	(void)state;
	typed = "ls\r";
	mux_uart_irq();
	assert_int_equal(events, 1);
	assert_int_equal(guest_get(buf, sizeof(buf)), 3);
	assert_memory_equal(buf, "ls\r", 3);
	/* The guest tells that it read: nothing to do, no event. */
	console_notified(d);
	assert_int_equal(events, 1);
}

static void test_input_waits_for_room(void **state)
{
	char in[6000];
	char out[6000];
	struct console_stats s;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++) {
		in[i] = (char)('a' + i % 26);
	}
	console_input(d, in, sizeof(in));
	console_get_stats(d, &s);
	/* The queue is bounded; what it has no room for is dropped. */
	assert_int_equal(s.in_lost, sizeof(in) - CONSOLE_PENDING);
	assert_int_equal(*IN_PROD - *IN_CONS, RING_IN);
	while (*IN_CONS != *IN_PROD) {
		n += guest_get(out + n, 700);
		console_notified(d);
	}
	assert_int_equal(n, CONSOLE_PENDING);
	assert_memory_equal(out, in, n);
	assert_int_equal(misuse(), 0);
	/* And room is there again. */
	console_input(d, "x", 1);
	assert_int_equal(guest_get(out, sizeof(out)), 1);
}

static void test_raw_output_is_bounded(void **state)
{
	static char text[2 * CONSOLE_RAW_MAX];
	struct console_stats s;

	(void)state;
	memset(text, '\n', sizeof(text));
	console_guest_raw(d, text, sizeof(text));
	console_get_stats(d, &s);
	assert_int_equal(s.out_bytes, CONSOLE_RAW_MAX);
	host_run();
}

static void test_history(void **state)
{
	char buf[64];

	(void)state;
	guest_put("early\n");
	console_notified(d);
	console_guest_raw(d, "late\n", 5);
	assert_int_equal(console_history_read(d, buf, sizeof(buf)), 11);
	assert_memory_equal(buf, "early\nlate\n", 11);
	host_run();
}

static void test_last_words(void **state)
{
	(void)state;
	guest_put("Power down");
	assert_false(console_destroy(d));
	expect("(web) Power down\r\n");
	assert_null(d->console);
	/* All calls are harmless now. */
	console_notified(d);
	console_input(d, "x", 1);
	console_guest_raw(d, "x", 1);
	assert_int_equal(console_history_read(d, sent, 1), 0);
	assert_false(console_destroy(d));
}

static void test_end_with_a_stuck_uart(void **state)
{
	(void)state;
	uart_ready = false;
	/* The first is on its way, the second waits. */
	guest_put("one\ntwo\n");
	console_notified(d);
	assert_false(console_destroy(d));
	uart_ready = true;
	host_advance(10 * MUX_RETRY_NS);
	expect("(web) one\r\n(web) two\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_output, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_output_wraps, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_output_by_full_rings, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_full_ring_is_emptied_with_a_stuck_uart, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_wrong_output_index, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_own_indices_are_private, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_wrong_input_index, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_input, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_input_waits_for_room, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_raw_output_is_bounded, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_history, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_last_words, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_end_with_a_stuck_uart, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
