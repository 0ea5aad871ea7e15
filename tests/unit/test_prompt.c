/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's prompt (mgmt/prompt*.c): its line editor, and the commands
 * as an operator types them on the UART.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "harness.h"
#include "blk/volume.h"
#include "kern/log.h"
#include "lib/fmt.h"
#include "mem/heap.h"
#include "mgmt/prompt.h"
#include "mgmt/prompt_line.h"
#include "net/switch.h"
#include "vm/console.h"
#include "vm/mux.h"
#include "vm/vm.h"
#include "xenstore/xenstore.h"

static char sent[512 * 1024];
static size_t sent_len;
static const char *typed = "";
static bool uart_ready = true;
static struct vm *web;
static struct domain *web_domain;

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

static void clear(void)
{
	sent_len = 0;
	sent[0] = '\0';
}

/* Type, let everything happen, and return what came. */
static const char *type(const char *keys)
{
	clear();
	typed = keys;
	while (*typed != '\0') {
		mux_uart_irq();
		host_run();
	}
	host_run();
	return sent;
}

static void expect(const char *keys, const char *text)
{
	const char *got = type(keys);

	if (strstr(got, text) == NULL) {
		print_error("typed:\n%s\nnot in:\n%s\n", text, got);
	}
	assert_non_null(strstr(got, text));
}

static int setup(void **state)
{
	struct vm_config config = {
		.name = "web", .memory_kib = 65536, .vcpu_count = 2,
		.on_reboot = VM_ACTION_RESTART,
	};

	(void)state;
	host_reset();
	uart_ready = true;
	typed = "";
	mux_init(&fake_uart);
	prompt_init();
	assert_int_equal(vm_add(&config, &web), 0);
	assert_int_equal(domain_create(web->id, "web", 2, &web_domain), 0);
	type("\035" "0");
	return 0;
}

/* --- the line editor ------------------------------------------------------------ */

static struct prompt_line line;

static void no_echo(const char *text, size_t n)
{
	(void)text;
	(void)n;
}

/* Feed keys; the text when the line is complete, else NULL. */
static const char *edit(const char *keys)
{
	static char text[PROMPT_LINE_MAX];

	for (; *keys != '\0'; keys++) {
		if (prompt_line_feed(&line, *keys, no_echo)) {
			str_copy(text, line.text, sizeof(text));
			prompt_line_reset(&line);
			return text;
		}
	}
	return NULL;
}

static int setup_line(void **state)
{
	(void)state;
	memset(&line, 0, sizeof(line));
	return 0;
}

static void test_line_edit(void **state)
{
	(void)state;
	assert_string_equal(edit("list\r"), "list");
	assert_null(edit("\n"));		/* of a CR LF */
	assert_string_equal(edit("\n"), "");
	assert_string_equal(edit("lost\b\b\177\177\177ls\n"), "ls");
	assert_string_equal(edit("foo bar\025x\n"), "x");
	assert_string_equal(edit("foo bar  \027x\n"), "foo x");
	assert_string_equal(edit("abc\003"), "");
	assert_string_equal(edit("a\033[Cb\033[3~c\033Od\n"), "abc");
	assert_string_equal(edit("\001a\t\377b\n"), "ab");
}

static void test_line_is_bounded(void **state)
{
	char keys[300];

	(void)state;
	memset(keys, 'x', sizeof(keys) - 2);
	keys[sizeof(keys) - 2] = '\n';
	keys[sizeof(keys) - 1] = '\0';
	assert_int_equal(strlen(edit(keys)), PROMPT_LINE_MAX - 1);
}

static void test_line_history(void **state)
{
	char keys[8];

	(void)state;
	assert_string_equal(edit("\033[A\n"), "");
	for (char c = 'a'; c < 'a' + 10; c++) {
		fmt_buf(keys, sizeof(keys), "%c\n", c);
		assert_non_null(edit(keys));
	}
	assert_string_equal(edit("\033[A\n"), "j");
	assert_string_equal(edit("\033[A\033[A\n"), "i");
	/* "i" is the newest now, and eight are kept. */
	assert_string_equal(edit("\020\020\020\n"), "i");
	assert_string_equal(edit("half\033[A\033[B\n"), "");
	assert_string_equal(edit("\033[A\033[A\033[A\033[A\033[A\033[A\033[A\033[A"
				 "\033[A\033[A\n"), "d");
}

/* --- commands --------------------------------------------------------------------- */

static void test_unknown_and_usage(void **state)
{
	(void)state;
	expect("frobnicate\r", "no command 'frobnicate'; 'help' lists them\r\nmv> ");
	expect("info\r", "usage: info <vm>\r\n");
	expect("info a b\r", "usage: info <vm>\r\n");
	expect("list a b c d e f g\r", "usage: list \r\n");
	expect("   \r", "mv> ");
	expect("info nobody\r", "no VM 'nobody'");
	expect("destroy 999\r", "no VM '999'");
}

static void test_help_names_all(void **state)
{
	const struct prompt_command *c;
	unsigned int n;

	(void)state;
	type("help\r");
	for (n = 0; (c = prompt_command(n)) != NULL; n++) {
		char text[40];

		fmt_buf(text, sizeof(text), "  %s ", c->name);
		assert_non_null(strstr(sent, text));
		assert_true(strlen(c->help) > 5);
		assert_true(c->args_max <= PROMPT_ARGS);
	}
	assert_true(n > 15);
}

static void test_list_and_info(void **state)
{
	(void)state;
	expect("list\r", "   1  off           64 MiB      2      0.000  web\r\n");
	expect("info web\r", "on_reboot restart");
	assert_non_null(strstr(sent, "vcpu 1: off"));
	assert_non_null(strstr(type("info 1\r"), "vcpu 1: off"));
	assert_null(strstr(sent, "of its own"));
	vm_by_id(1)->ram.bank[0].base = HPA(0x42000000);
	vm_by_id(1)->ram.bank[0].size = MIB(6);
	vm_by_id(1)->ram.count = 1;
	expect("info 1\r", "RAM of its own: 6 MiB at 0x42000000");
	vm_by_id(1)->ram.count = 0;
}

static void test_vm_actions(void **state)
{
	char value[32];

	(void)state;
	expect("shutdown web\r", "web is asked: poweroff");
	assert_int_equal(xs_read(NULL, "/local/domain/1/control/shutdown", value,
				 sizeof(value), NULL), 0);
	assert_string_equal(value, "poweroff");
	expect("reboot web\r", "web is asked: reboot");
	/* The VM itself is off here: vm_add() started nothing. */
	expect("destroy web\r", "web is off");
	expect("focus web\r", "input goes to 1, web");
	assert_int_equal(mux_focused(), 1);
}

static void test_console_history(void **state)
{
	static const char text[] = "hello\r\n\033[2Jworld\n";

	(void)state;
	console_guest_raw(web_domain, text, sizeof(text) - 1);
	host_run();
	expect("console web\r", "hello?\r\n?[2Jworld\r\n");
}

static void test_dmesg_and_version(void **state)
{
	size_t objects;

	(void)state;
	objects = heap_object_count();
	log_notice("test", "a line for dmesg");
	expect("dmesg\r", "NOTICE test: a line for dmesg\r\n");
	assert_non_null(strstr(sent, "mv> "));
	expect("version\r", "Microvisor ");
	expect("memory\r", "  free ");
	expect("cpus\r", "cpu 0: idle");
	assert_non_null(strstr(type("counters\r"), "console_sent"));
	expect("counters\r", "  domains                1\r\n  event_channels         2\r\n");
	type("xenstore-ls\r");
	type("console web\r");
	assert_int_equal(heap_object_count(), objects);
}

static void test_xenstore_ls(void **state)
{
	(void)state;
	assert_int_equal(xs_write(NULL, "/a/b/c", "x\ny", 3), 0);
	assert_int_equal(xs_write(NULL, "/a/d", "q", 1), 0);
	expect("xenstore-ls /a\r", "b = \"\"\r\n c = \"x?y\"\r\nd = \"q\"\r\nmv> ");
	expect("xenstore-ls\r", "a = \"\"\r\n b = \"\"\r\n  c = \"x?y\"\r\n d = \"q\"\r\n");
	expect("xenstore-ls /none\r", "no node '/none'");
	expect("xenstore-ls bad\r", "no node 'bad'");
	expect("xenstore-ls /a/d\r", "mv> ");
}

static void test_ports_and_fdb(void **state)
{
	static struct net_port port;
	struct net_port_config config = { .mac = { 0, 0x16, 0x3e, 1, 2, 3 }, .vlan = 7 };
	static const struct net_port_ops ops;

	(void)state;
	assert_int_equal(port_init(&port, "vif1.0", &config, &ops), 0);
	assert_int_equal(switch_attach(&port), 0);
	expect("ports\r", "vif1.0       00:16:3e:01:02:03    7");
	expect("fdb\r", "00:16:3e:01:02:03     7  vif1.0        fixed\r\n");
	expect("ports nope\r", "no port 'nope'");
	port.counts[0].n[NET_DROP_SPOOF] = 3;
	port.queue_count = 1;
	expect("ports vif1.0\r", "drop_spoof             3\r\n");
}

static void test_uplink_ports(void **state)
{
	static struct net_port port;
	struct net_port_config config = { .mac = { 2 }, .uplink = true };
	static const struct net_port_ops ops;

	(void)state;
	assert_int_equal(port_init(&port, "wire.3", &config, &ops), 0);
	assert_int_equal(switch_attach(&port), 0);
	expect("ports\r", "         0  link unknown\r\n");
	assert_int_equal(xs_write(NULL, "/local/domain/0/data/uplink/3/link", "down", 4), 0);
	expect("ports\r", "         0  link down\r\n");
	assert_int_equal(xs_write(NULL, "/local/domain/0/data/uplink/3/link", "up", 2), 0);
	expect("ports\r", "         0  link up\r\n");
	assert_int_equal(xs_write(NULL, "/local/domain/0/data/uplink/3/speed", "0", 1), 0);
	expect("ports\r", "         0  link up\r\n");
	assert_int_equal(xs_write(NULL, "/local/domain/0/data/uplink/3/speed", "1000", 4), 0);
	expect("ports\r", "         0  link up, 1000 Mbit/s\r\n");
	/* What a driver domain could write. */
	assert_int_equal(xs_write(NULL, "/local/domain/0/data/uplink/3/speed", "-1", 2), 0);
	expect("ports\r", "         0  link up\r\n");
	assert_int_equal(xs_write(NULL, "/local/domain/0/data/uplink/3/link",
				  "a rather long text", 18), 0);
	expect("ports\r", "         0  link unknown\r\n");
	assert_int_equal(xs_write(NULL, "/local/domain/0/data/uplink/3/link", "\x1b[1m", 4), 0);
	expect("ports\r", "         0  link down\r\n");
}

static bool one_counter(struct blk_target *t, unsigned int n, const char **name, uint64_t *value)
{
	(void)t;
	*name = "sent";
	*value = 11;
	return n == 0;
}

static void released(struct blk_target *t)
{
	(void)t;
}

static void test_volumes(void **state)
{
	static const struct blk_target_ops ops = { .counter = one_counter, .release = released };
	static struct blk_target t;
	const struct blk_volume_config config = { .read_only = true };
	struct blk_volume *v;

	(void)state;
	blk_target_init(&t, &ops, "aoe:1.2");
	t.refs = 1;
	assert_int_equal(blk_volume_create("web.xvda", &t, &config, NULL, NULL, &v), 0);
	expect("volumes\r", "web.xvda             aoe:1.2                0 ?  ");
	t.info.known = true;
	t.info.sectors = 2048 * 80;
	v->stats.ios[BLK_WRITE] = 5;
	v->stats.latency[3] = 4;
	expect("volumes\r", "web.xvda             aoe:1.2               80 ro          0         5 ");
	expect("volumes web.xvda\r", "writes                 5\r\n");
	expect("volumes web.xvda\r", "below          8 us     4\r\n");
	expect("volumes web.xvda\r", "target aoe:1.2:\r\n  sent                   11\r\n");
	expect("volumes nope\r", "no volume 'nope'");
	expect("unplug nope xvda\r", "no running VM 'nope'");
	expect("unplug web xvda\r", "web has no disk 'xvda'");
	blk_volume_destroy(v);
	host_run();
}

/* A long listing waits for a slow terminal and can be ended. */
static void test_slow_terminal_and_interrupt(void **state)
{
	char value[100];
	char path[32];

	(void)state;
	memset(value, 'v', sizeof(value));
	for (unsigned int i = 0; i < 900; i++) {
		fmt_buf(path, sizeof(path), "/many/node%03u", i);
		assert_int_equal(xs_write(NULL, path, value, sizeof(value)), 0);
	}
	uart_ready = false;
	type("xenstore-ls /many\r");
	host_advance(50000000);
	assert_int_equal(sent_len, 0);
	uart_ready = true;
	host_advance(1000000000);
	assert_null(strstr(sent, "bytes lost"));
	assert_non_null(strstr(sent, "node000 = "));
	assert_non_null(strstr(sent, "node899 = "));

	uart_ready = false;
	type("xenstore-ls /many\r");
	type("\003");
	uart_ready = true;
	host_advance(1000000000);
	assert_non_null(strstr(sent, "node000 = "));
	assert_null(strstr(sent, "node899 = "));
	assert_non_null(strstr(sent, "^C\r\nmv> "));
	expect("version\r", "Microvisor ");
}

static void test_reset_and_poweroff(void **state)
{
	(void)state;
	assert_int_equal(HOST_END_OF(type("reset\r")), HOST_RESET);
	setup(state);
	assert_int_equal(HOST_END_OF(type("poweroff\r")), HOST_POWEROFF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_line_edit, setup_line),
		cmocka_unit_test_setup(test_line_is_bounded, setup_line),
		cmocka_unit_test_setup(test_line_history, setup_line),
		cmocka_unit_test_setup(test_unknown_and_usage, setup),
		cmocka_unit_test_setup(test_help_names_all, setup),
		cmocka_unit_test_setup(test_list_and_info, setup),
		cmocka_unit_test_setup(test_vm_actions, setup),
		cmocka_unit_test_setup(test_console_history, setup),
		cmocka_unit_test_setup(test_dmesg_and_version, setup),
		cmocka_unit_test_setup(test_xenstore_ls, setup),
		cmocka_unit_test_setup(test_ports_and_fdb, setup),
		cmocka_unit_test_setup(test_uplink_ports, setup),
		cmocka_unit_test_setup(test_volumes, setup),
		cmocka_unit_test_setup(test_slow_terminal_and_interrupt, setup),
		cmocka_unit_test_setup(test_reset_and_poweroff, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
