/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node in a process, for the tests of mvctl: the hypervisor's core on the
 * host port, whose uplink is a datagram socket (mvctl's unix transport).
 *
 * usage: hostnode LOCAL PEER NAME [KEY=VALUE...]
 *	name=NAME  key=HEX  vlan=ID  quota=KIB
 *	loss=PERCENT  double=PERCENT  reorder=PERCENT
 *
 * Time in it is the time that passes here. A VM in it has a guest of sorts: it
 * says "hello" on its console and then repeats what is typed.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "unit/mgmt_client.h"
#include "vm/console.h"
#include "vm/vm.h"

#define TURN_MS		2
#define RING_IN		1024U
#define RING_OUT	2048U

static int wire;
static struct sockaddr_un peer;

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(a.sun_path)) {
		host_fatal("%s is too long", path);
	}
	strcpy(a.sun_path, path);
	return a;
}

static void open_wire(const char *local, const char *to)
{
	struct sockaddr_un a = address(local);

	peer = address(to);
	wire = socket(AF_UNIX, SOCK_DGRAM, 0);
	unlink(local);
	if (wire < 0 || bind(wire, (struct sockaddr *)&a, sizeof(a)) != 0) {
		host_fatal("%s: %s", local, strerror(errno));
	}
}

static void frames_in(void)
{
	for (unsigned int i = 0; i < 64; i++) {
		struct mc_frame f;
		ssize_t n = recv(wire, f.bytes, sizeof(f.bytes), MSG_DONTWAIT);

		if (n < 14) {
			return;
		}
		f.len = (size_t)n;
		mc_carry(0, &f);
		host_run();
	}
}

static void frames_out(void)
{
	while (mc_out.head != mc_out.tail) {
		const struct mc_frame *f = &mc_out.frame[mc_out.tail++ % MC_QUEUE];

		/* Nobody there, or nobody reads: lost, as on any wire. */
		for (unsigned int i = 0; i < 25; i++) {
			if (sendto(wire, f->bytes, f->len, MSG_DONTWAIT,
				   (struct sockaddr *)&peer, sizeof(peer)) >= 0 ||
			    errno != EAGAIN) {
				break;
			}
			usleep(200);
		}
	}
}

/* --- guests ---------------------------------------------------------------- */

static uint32_t *index_at(struct domain *d, size_t offset)
{
	return (uint32_t *)(void *)((char *)d->console_page + offset);
}

static void guest_put(struct domain *d, char c)
{
	uint32_t *prod = index_at(d, 3084);
	char *out = (char *)d->console_page + RING_IN;

	if (*prod - *index_at(d, 3080) < RING_OUT) {
		out[(*prod)++ % RING_OUT] = c;
	}
}

static void guest_turn(struct vm *vm, void *ctx)
{
	static const char hello[] = "hello\r\n";
	struct domain *d = vm->domain;
	const char *in;

	(void)ctx;
	if (vm->state != VM_RUNNING || d == NULL || d->console_page == NULL) {
		return;
	}
	in = d->console_page;
	for (const char *p = hello; *index_at(d, 3084) < strlen(hello); p++) {
		guest_put(d, *p);
	}
	while (*index_at(d, 3072) != *index_at(d, 3076)) {
		guest_put(d, in[(*index_at(d, 3072))++ % RING_IN]);
	}
	console_notified(d);
}

/* --- the machine ----------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t wallclock(void)
{
	return (uint64_t)time(NULL);
}

static void read_key(struct mgmt_config *c, const char *hex)
{
	for (unsigned int i = 0; i < MV_KEY_LEN; i++) {
		unsigned int v;

		if (sscanf(hex + 2 * i, "%2x", &v) != 1) {
			host_fatal("the key has %u digits", 2 * MV_KEY_LEN);
		}
		c->key[i] = (uint8_t)v;
	}
	c->has_key = true;
}

static void read_option(struct mgmt_config *c, const char *s)
{
	const char *value = strchr(s, '=');
	unsigned long v = value != NULL ? strtoul(value + 1, NULL, 10) : 0;

	if (strncmp(s, "name=", 5) == 0) {
		snprintf(c->name, sizeof(c->name), "%s", value + 1);
	} else if (strncmp(s, "key=", 4) == 0) {
		read_key(c, value + 1);
	} else if (strncmp(s, "vlan=", 5) == 0) {
		c->vlan = (uint16_t)v;
	} else if (strncmp(s, "quota=", 6) == 0) {
		c->image_quota = KIB(v);
	} else if (strncmp(s, "loss=", 5) == 0) {
		mc_loss = (unsigned int)v;
	} else if (strncmp(s, "double=", 7) == 0) {
		mc_double = (unsigned int)v;
	} else if (strncmp(s, "reorder=", 8) == 0) {
		mc_reorder = (unsigned int)v;
	} else {
		host_fatal("unknown option %s", s);
	}
}

static void start(int argc, char **argv)
{
	struct mgmt_config c = mc_config();
	uint32_t n = 0;

	host_reset_cpus(2);
	host_entropy_seed(now_ns());
	snprintf(c.name, sizeof(c.name), "%s", argv[3]);
	for (unsigned int i = 0; i < sizeof(c.node_id) && argv[3][i] != '\0'; i++) {
		c.node_id[i] = (uint8_t)argv[3][i];
		n = n * 31 + c.node_id[i];
	}
	c.mac[3] = (uint8_t)(n >> 16);
	c.mac[4] = (uint8_t)(n >> 8);
	c.mac[5] = (uint8_t)n;
	mgmt_wallclock = wallclock;
	for (int i = 4; i < argc; i++) {	/* before the wire: its limits */
		read_option(&c, argv[i]);
	}
	mc_start(&c);
	for (int i = 4; i < argc; i++) {	/* mc_start() made the wire good */
		read_option(&c, argv[i]);
	}
}

int main(int argc, char **argv)
{
	uint64_t last;

	if (argc < 4) {
		fputs("usage: hostnode LOCAL PEER NAME [KEY=VALUE...]\n", stderr);
		return 2;
	}
	open_wire(argv[1], argv[2]);
	start(argc, argv);
	last = now_ns();
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct pollfd p = { .fd = wire, .events = POLLIN };
		uint64_t now;

		poll(&p, 1, TURN_MS);
		now = now_ns();
		host_advance(now - last);
		last = now;
		frames_in();
		vm_for_each(guest_turn, NULL);
		host_run();
		frames_out();
	}
}
