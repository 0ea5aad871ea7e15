/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The UART multiplexer and its line model (vm/mux.c, vm/mux_line.c), with a
 * fake UART that may be slow.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "harness.h"
#include "kern/log.h"
#include "vm/mux.h"

/* --- a UART ----------------------------------------------------------------- */

static char sent[256 * 1024];
static size_t sent_len;
static size_t uart_room;		/* bytes it takes before it is full */
static const char *typed;

static void fake_putc(char c)
{
	assert_true(uart_room > 0);
	uart_room--;
	assert_true(sent_len < sizeof(sent) - 1);
	sent[sent_len++] = c;
	sent[sent_len] = '\0';
}

static int fake_getc(void)
{
	return typed != NULL && *typed != '\0' ? (uint8_t)*typed++ : -1;
}

static bool fake_can_put(void)
{
	return uart_room > 0;
}

static const struct uart_ops fake_uart = {
	.putc = fake_putc,
	.getc = fake_getc,
	.can_put = fake_can_put,
};

static void type(const char *keys)
{
	typed = keys;
	while (*typed != '\0') {
		mux_uart_irq();
	}
	host_run();
}

static void clear(void)
{
	sent_len = 0;
	sent[0] = '\0';
}

/* --- ports ------------------------------------------------------------------- */

static struct mux_port a;
static struct mux_port b;
static struct mux_port prompt;
static char got[3][8192];
static size_t got_len[3];

static void port_got(struct mux_port *port, const char *text, size_t n)
{
	assert_true(got_len[port->id] + n < sizeof(got[0]));
	memcpy(got[port->id] + got_len[port->id], text, n);
	got_len[port->id] += n;
	got[port->id][got_len[port->id]] = '\0';
}

static int setup(void **state)
{
	(void)state;
	host_reset();
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	memset(&prompt, 0, sizeof(prompt));
	memset(got, 0, sizeof(got));
	memset(got_len, 0, sizeof(got_len));
	uart_room = SIZE_MAX;
	clear();
	mux_init(&fake_uart);
	assert_int_equal(mux_attach(&a, 1, "a", port_got), 0);
	assert_int_equal(mux_attach(&b, 2, "b", port_got), 0);
	return 0;
}

static void say(struct mux_port *port, const char *text)
{
	mux_write(port, text, strlen(text));
}

static void expect(const char *text)
{
	host_run();
	assert_string_equal(sent, text);
	clear();
}

/* What a terminal shows as its last line after what was sent. */
static const char *screen_line(void)
{
	static char line[4096];
	size_t cursor = 0;
	size_t len = 0;

	for (size_t i = 0; i < sent_len; i++) {
		if (sent[i] == '\n') {
			len = 0;
		} else if (sent[i] == '\r') {
			cursor = 0;
		} else if (sent[i] == '\b') {
			assert_true(cursor > 0);
			cursor--;
		} else {
			assert_in_range(sent[i], ' ', '~');
			assert_true(cursor < sizeof(line) - 1);
			line[cursor++] = sent[i];
			len = cursor > len ? cursor : len;
		}
	}
	line[len] = '\0';
	return line;
}

/* --- output ------------------------------------------------------------------ */

static void test_lines_have_prefixes(void **state)
{
	(void)state;
	say(&a, "one\r\ntwo\n");
	say(&b, "three\r\r\n\n");
	expect("(a) one\r\n(a) two\r\n(b) three\r\n(b) \r\n");
}

static void test_log_lines_are_whole(void **state)
{
	(void)state;
	log_set_sink(mux_log);
	say(&b, "half");		/* not focused: not shown yet */
	log_notice("net", "up");
	host_run();
	assert_non_null(strstr(sent, "NOTICE net: up\r\n"));
	assert_null(strstr(sent, "half"));
	clear();
	say(&b, " and half\n");
	expect("(b) half and half\r\n");
}

static void test_guest_cannot_forge(void **state)
{
	(void)state;
	say(&a, "x\r(b) forged\n");
	expect("(a) (b) forged\r\n");
	say(&a, "x\033[1A\033[2K\033]0;title\007\033Pq\033\\y\033(Bz\n");
	expect("(a) xyz\r\n");
	say(&a, "\b\b\b\b\b\033[99Dhi\007\177\001\233" "2J\n");
	expect("(a) hi?2J\r\n");
	say(&a, "a\013b\014c\n");
	expect("(a) abc\r\n");
	/* A string that never ends costs it one line. */
	say(&a, "\033]0;never\nnext\n");
	expect("(a) \r\n(a) next\r\n");
}

static void test_log_text_is_cleaned(void **state)
{
	(void)state;
	mux_log("evil\n(b) forged\033[2J\n", 20);
	expect("evil?(b) forged?[2J\r\n");
}

static void test_line_editing(void **state)
{
	(void)state;
	say(&a, "ls -x\b \b\033[J\bl /\n");
	expect("(a) ls l /\r\n");
	say(&a, "10%\r 20%\r 100% done\n");
	expect("(a)  100% done\r\n");
	say(&a, "a\tb\n");
	expect("(a) a       b\r\n");
	say(&a, "abcdef\033[3DX\033[1CZ\033[2GY\n");
	expect("(a) aYcXeZ\r\n");
	say(&a, "abcdef\033[3D\033[K\n");
	expect("(a) abc\r\n");
}

static void test_long_line_is_cut_in_two(void **state)
{
	char line[1501];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	say(&a, line);
	say(&a, "\n");
	host_run();

	size_t x = 0;
	size_t lines = 0;

	for (size_t i = 0; i < sent_len; i++) {
		x += sent[i] == 'x';
		lines += sent[i] == '\n';
	}
	assert_int_equal(x, 1500);
	assert_int_equal(lines, 2);
}

static void test_unfinished_line_of_the_focused(void **state)
{
	(void)state;
	assert_int_equal(mux_focused(), 1);	/* the first one attached */
	say(&a, "/ # ");
	expect("");
	host_advance(MUX_FLUSH_NS - 1);
	expect("");
	host_advance(1);
	expect("(a) / # ");
	/* Typing goes on in the same line. */
	say(&a, "ls");
	host_advance(MUX_FLUSH_NS);
	expect("ls");
	say(&a, "\b \b");
	host_advance(MUX_FLUSH_NS);
	assert_string_equal(sent, "\b \b");
	clear();
	say(&a, "s\r\nfile\r\n");
	expect("s\r\n(a) file\r\n");
}

static void test_unfinished_line_of_another_waits(void **state)
{
	(void)state;
	say(&b, "b # ");
	host_advance(10 * MUX_FLUSH_NS);
	expect("");
	say(&b, "x\n");
	expect("(b) b # x\r\n");
}

static void test_disturbed_line_comes_again_whole(void **state)
{
	(void)state;
	say(&a, "@ou");
	host_advance(MUX_FLUSH_NS);
	expect("(a) @ou");
	say(&b, "hello\n");
	expect("\r\n(b) hello\r\n");
	say(&a, "t 1 text\n");
	expect("(a) @out 1 text\r\n");
	/* And by itself after a while, for a prompt. */
	say(&a, "/ # ");
	host_advance(MUX_FLUSH_NS);
	expect("(a) / # ");
	say(&b, "hello\n");
	expect("\r\n(b) hello\r\n");
	/* Not while others go on printing. */
	for (unsigned int i = 0; i < 20; i++) {
		host_advance(MUX_REDRAW_NS / 2);
		say(&b, "hello\n");
		expect("(b) hello\r\n");
	}
	host_advance(MUX_REDRAW_NS + MUX_FLUSH_NS);
	expect("(a) / # ");
}

/* Random edits: what was shown step by step equals the final line. */
static void test_line_show_is_right(void **state)
{
	static const char *const edits[] = {
		"a", "bcd", "\b", "\b\b", "\r", "\t", "\033[K", "\033[J", "\033[2D",
		"\033[1C", "\033[5G", "xyz", "\033[999C", "\033[D", "\b \b",
	};
	uint32_t seed = 1;

	(void)state;
	for (unsigned int round = 0; round < 300; round++) {
		char line[MUX_LINE_MAX + 8];

		clear();
		for (unsigned int i = 0; i < 40; i++) {
			seed = seed * 1664525 + 1013904223;
			say(&a, edits[(seed >> 16) % ARRAY_SIZE(edits)]);
			if ((seed & 0x300) == 0) {
				host_advance(MUX_FLUSH_NS);
			}
		}
		say(&a, "!");
		host_advance(MUX_FLUSH_NS);
		fmt_buf(line, sizeof(line), "(a) %.*s", (int)a.line.len, a.line.text);

		/* Blanks may be left where the line was longer. */
		const char *screen = screen_line();

		assert_memory_equal(screen, line, strlen(line));
		for (const char *c = screen + strlen(line); *c != '\0'; c++) {
			assert_int_equal(*c, ' ');
		}
		say(&a, "\n");
		host_run();
	}
}

/* --- a slow UART -------------------------------------------------------------- */

static void test_slow_uart_goes_on_by_timer(void **state)
{
	(void)state;
	uart_room = 5;
	say(&a, "hello world\n");
	host_run();
	assert_string_equal(sent, "(a) h");
	for (unsigned int i = 0; i < 4; i++) {
		uart_room = 4;
		host_advance(MUX_RETRY_NS);
	}
	expect("(a) hello world\r\n");
	host_advance(100 * MUX_RETRY_NS);
	assert_int_equal(host_alarm(0), UINT64_MAX);
}

static void test_full_uart_loses_and_tells(void **state)
{
	char line[64];

	(void)state;
	uart_room = 0;
	for (unsigned int i = 0; i < 2000; i++) {
		fmt_buf(line, sizeof(line), "line %u of the flood\n", i);
		say(&a, line);
	}
	say(&b, "small\n");
	host_run();
	uart_room = SIZE_MAX;
	host_advance(10 * MUX_RETRY_NS);
	assert_non_null(strstr(sent, "(a) line 0 of the flood\r\n"));
	assert_non_null(strstr(sent, " bytes lost]\r\n"));
	assert_non_null(strstr(sent, "(a) line 1999 of the flood\r\n"));
	/* The other one lost nothing and didn't wait for all of the flood. */
	assert_non_null(strstr(sent, "(b) small\r\n"));
	assert_true(strstr(sent, "(b) small\r\n") < strstr(sent, "line 1999 "));
	assert_true(mux_port_lost(&a) > 10000);
	assert_int_equal(mux_port_lost(&b), 0);
}

static void test_log_is_bounded_and_first(void **state)
{
	char line[64];
	struct mux_stats s;

	(void)state;
	uart_room = 0;
	say(&a, "guest 1\nguest 2\n");
	for (unsigned int i = 0; i < 1000; i++) {
		fmt_buf(line, sizeof(line), "log line %u\n", i);
		mux_log(line, strlen(line));
	}
	host_run();
	uart_room = SIZE_MAX;
	host_advance(10 * MUX_RETRY_NS);
	mux_get_stats(&s);
	assert_true(s.log_lost > 0);
	assert_non_null(strstr(sent, "bytes lost]\r\n"));
	assert_true(strstr(sent, "log line 0\r\n") < strstr(sent, "(a) guest 2"));
}

/* One call writes a bounded number of bytes itself. */
static void test_call_is_bounded(void **state)
{
	static char text[8000];

	(void)state;
	memset(text, 'y', sizeof(text));
	for (size_t i = 79; i < sizeof(text); i += 80) {
		text[i] = '\n';
	}
	mux_write(&a, text, sizeof(text));
	assert_true(sent_len > 0);
	assert_true(sent_len <= 512);
	host_run();
	assert_true(sent_len > sizeof(text));
}

/* --- modes, focus, input ------------------------------------------------------- */

static void test_raw_mode(void **state)
{
	(void)state;
	say(&a, "/ # ");
	host_advance(MUX_FLUSH_NS);
	clear();
	mux_set_mode(MUX_RAW);
	host_run();
	assert_string_equal(screen_line(), "/ # ");
	clear();
	say(&b, "hidden\n");
	expect("");
	say(&a, "\033[31mred\033[0m\r\n");
	expect("\033[31mred\033[0m\r\n");
	say(&a, "par");
	mux_log("log\n", 4);
	expect("par\r\nlog\r\n");
	say(&a, "tial\n");
	expect("tial\n");
	mux_set_mode(MUX_ALL);
	host_run();
	clear();
	say(&b, "seen\n");
	say(&a, "x\n");
	expect("(b) seen\r\n(a) x\r\n");
}

static void test_focus_keys(void **state)
{
	(void)state;
	type("abc");
	assert_string_equal(got[1], "abc");
	type("\035" "2def");
	assert_string_equal(got[2], "def");
	assert_string_equal(got[1], "abc");
	/* In one piece, split anywhere. */
	type("g\035");
	type("1h");
	assert_string_equal(got[2], "defg");
	assert_string_equal(got[1], "abch");
	type("\035\035");
	assert_string_equal(got[1], "abch\035");
	type("\035n");
	assert_int_equal(mux_focused(), 2);
	type("\035n");
	assert_int_equal(mux_focused(), 1);
	clear();
	type("\035" "7");
	assert_int_equal(mux_focused(), 1);
	assert_non_null(strstr(sent, "no VM 7"));
	type("\035a");
	assert_int_equal(mux_get_mode(), MUX_RAW);
	type("\035a");
	assert_int_equal(mux_get_mode(), MUX_ALL);
	clear();
	type("\035?");
	assert_non_null(strstr(sent, "Ctrl-]"));
	type("\035z");
	assert_string_equal(got[1], "abch\035");
}

static void test_log_level_key(void **state)
{
	(void)state;
	log_set_sink(mux_log);
	type("\035l");			/* INFO to DEBUG */
	clear();
	log_debug("x", "seen");
	host_run();
	assert_non_null(strstr(sent, "seen"));
	type("\035l");			/* to ERROR */
	clear();
	log_warn("x", "unseen");
	host_run();
	assert_string_equal(sent, "");
	log_error("x", "seen");
	host_run();
	assert_non_null(strstr(sent, "seen"));
}

static void test_focus_survives_a_restart(void **state)
{
	struct mux_stats s;

	(void)state;
	type("\035" "2");
	say(&b, "last words");
	mux_detach(&b);
	host_run();
	assert_non_null(strstr(sent, "(b) last words\r\n"));
	type("lost");
	mux_get_stats(&s);
	assert_int_equal(s.input_lost, 4);
	assert_int_equal(mux_focused(), 2);
	memset(&b, 0, sizeof(b));
	assert_int_equal(mux_attach(&b, 2, "b", port_got), 0);
	type("back");
	assert_string_equal(got[2], "back");
}

/* A port that ends while the UART is stuck loses only what is too much. */
static void test_last_words(void **state)
{
	char line_text[64];

	(void)state;
	uart_room = 0;
	for (unsigned int i = 0; i < 400; i++) {
		fmt_buf(line_text, sizeof(line_text), "line %03u\033[2J\n", i);
		say(&b, line_text);
	}
	say(&b, "Power down");
	mux_detach(&b);
	memset(&b, 0, sizeof(b));
	uart_room = SIZE_MAX;
	host_advance(100 * MUX_RETRY_NS);
	assert_non_null(strstr(sent, "(b) line 399\r\n(b) Power down\r\n"));
	assert_null(strstr(sent, "line 050"));
}

static void test_shown_prompt_is_not_repeated_at_the_end(void **state)
{
	(void)state;
	say(&a, "/ # ");
	host_advance(MUX_FLUSH_NS);
	mux_detach(&a);
	say(&b, "x\n");
	expect("(a) / # \r\n(b) x\r\n");
}

static void test_prompt_port(void **state)
{
	(void)state;
	assert_int_equal(mux_attach(&prompt, 0, "", port_got), 0);
	assert_int_equal(mux_attach(&prompt, 0, "", port_got), -EEXIST);
	say(&prompt, "mv> ");
	expect("");			/* not in focus: not shown */
	type("\035" "0");
	assert_string_equal(screen_line(), "mv> ");
	clear();
	say(&prompt, "l");
	expect("l");			/* an echo comes at once */
	type("xy");
	assert_string_equal(got[0], "xy");
}

static void test_history(void **state)
{
	char buf[MUX_HISTORY + 10];
	char line[32];

	(void)state;
	say(&a, "hello\n");
	assert_int_equal(mux_history(&a, buf, sizeof(buf)), 6);
	assert_memory_equal(buf, "hello\n", 6);
	assert_int_equal(mux_history(&a, buf, 3), 3);
	assert_memory_equal(buf, "lo\n", 3);
	for (unsigned int i = 0; i < 3000; i++) {
		fmt_buf(line, sizeof(line), "%07u\n", i);
		say(&a, line);
	}
	assert_int_equal(mux_history(&a, buf, sizeof(buf)), MUX_HISTORY);
	assert_memory_equal(buf + MUX_HISTORY - 8, "0002999\n", 8);
	host_run();
	assert_int_equal(mux_room(&a), MUX_HISTORY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_lines_have_prefixes, setup),
		cmocka_unit_test_setup(test_log_lines_are_whole, setup),
		cmocka_unit_test_setup(test_guest_cannot_forge, setup),
		cmocka_unit_test_setup(test_log_text_is_cleaned, setup),
		cmocka_unit_test_setup(test_line_editing, setup),
		cmocka_unit_test_setup(test_long_line_is_cut_in_two, setup),
		cmocka_unit_test_setup(test_unfinished_line_of_the_focused, setup),
		cmocka_unit_test_setup(test_unfinished_line_of_another_waits, setup),
		cmocka_unit_test_setup(test_disturbed_line_comes_again_whole, setup),
		cmocka_unit_test_setup(test_line_show_is_right, setup),
		cmocka_unit_test_setup(test_slow_uart_goes_on_by_timer, setup),
		cmocka_unit_test_setup(test_full_uart_loses_and_tells, setup),
		cmocka_unit_test_setup(test_log_is_bounded_and_first, setup),
		cmocka_unit_test_setup(test_call_is_bounded, setup),
		cmocka_unit_test_setup(test_raw_mode, setup),
		cmocka_unit_test_setup(test_focus_keys, setup),
		cmocka_unit_test_setup(test_log_level_key, setup),
		cmocka_unit_test_setup(test_focus_survives_a_restart, setup),
		cmocka_unit_test_setup(test_last_words, setup),
		cmocka_unit_test_setup(test_shown_prompt_is_not_repeated_at_the_end, setup),
		cmocka_unit_test_setup(test_prompt_port, setup),
		cmocka_unit_test_setup(test_history, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
