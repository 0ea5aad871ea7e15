/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nt: the traffic tool of the network benchmark, one static program. Each
 * measurement is one line "key=value ..." in nanoseconds of CLOCK_MONOTONIC;
 * under `qemu -icount shift=0` a nanosecond is an instruction of the machine.
 *
 *   nt echo PORT                      UDP: send every datagram back
 *   nt pp IP PORT SIZE COUNT          UDP ping-pong, one datagram in flight; at
 *                                     port 69 (TFTP) the server refuses each
 *   nt urecv PORT                     UDP: count; report after 2 s of silence
 *   nt usend IP PORT SIZE SECONDS     UDP flood
 *   nt trecv PORT                     TCP: discard, report each connection
 *   nt tsend IP PORT SECONDS SIZE     TCP stream, SIZE bytes a call
 *   nt utake PORT SECONDS             UDP: count, from the first datagram on
 *   nt ttake PORT SECONDS             TCP: the same of one connection
 *   nt off DEVICE 0|1                 switch TSO, GSO and GRO
 *   nt shd PORT                       a shell for each TCP connection
 *   nt rsh IP PORT COMMAND...         have such a shell run COMMAND
 *
 * The no-op "movz xzr, #0xa0NN" marks the measured parts for
 * bench/insn-split.c: NN is 01 and 02 around pp, 03 and 04 around usend, 05
 * and 06 around tsend, 07 and 08 around utake, 09 and 0a around ttake.
 *
 * Workloads and keys equal those of the tool that measured the systems named
 * in docs/performance.md.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifdef __aarch64__
#define MARK(nn) __asm__ volatile("movz xzr, #0xa0" #nn : : : "memory")
#else
#define MARK(nn) do { } while (0)
#endif

enum {
	SEGMENT = 1448,		/* TCP payload of a full 1500-byte packet */
	BATCH = 32,		/* datagrams a receive call */
	DATAGRAM = 2048,	/* bytes kept of each of them */
	WARM_UP_TRIPS = 10,
	TFTP_PORT = 69,
	LOOK_EVERY = 16,	/* datagrams between two looks at the clock */
};

static unsigned char data[1 << 20];
static unsigned char answer[65536];

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "nt: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t number(const char *text, uint64_t limit)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);

	if (*end || end == text || value > limit) {
		fprintf(stderr, "nt: '%s' is no number up to %llu\n", text,
			(unsigned long long)limit);
		exit(2);
	}
	return value;
}

static struct sockaddr_in endpoint(const char *ip, const char *port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)number(port, 65535)),
	};

	if (ip && !inet_aton(ip, &to.sin_addr)) {
		fprintf(stderr, "nt: '%s' is no IPv4 address\n", ip);
		exit(2);
	}
	return to;
}

static int server(int type, const char *port)
{
	struct sockaddr_in at = endpoint(NULL, port);
	int on = 1, fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    (type == SOCK_STREAM && listen(fd, 8))) {
		fail("cannot serve");
	}
	return fd;
}

/* Tries every 100 ms, for the case that the other guest is not up yet. */
static int client(int type, const char *ip, const char *port, int tries)
{
	struct sockaddr_in to = endpoint(ip, port);

	while (tries-- > 0) {
		int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

		if (fd < 0) {
			fail("socket");
		}
		if (!connect(fd, (struct sockaddr *)&to, sizeof(to))) {
			return fd;
		}
		close(fd);
		if (tries) {
			usleep(100000);
		}
	}
	fail("cannot connect");
}

static void give_up_after(int fd, int seconds)
{
	struct timeval limit = { .tv_sec = seconds };

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit))) {
		fail("setsockopt");
	}
}

static int run_echo(char **arg)
{
	int fd = server(SOCK_DGRAM, arg[0]);

	for (;;) {
		struct sockaddr_in from;
		socklen_t size = sizeof(from);
		ssize_t got = recvfrom(fd, data, 65536, 0,
				       (struct sockaddr *)&from, &size);

		if (got >= 0) {
			sendto(fd, data, (size_t)got, 0,
			       (struct sockaddr *)&from, size);
		} else if (errno != ECONNREFUSED) {
			fail("echo");
		}
	}
}

static int by_value(const void *left, const void *right)
{
	uint64_t l = *(const uint64_t *)left, r = *(const uint64_t *)right;

	return l < r ? -1 : l > r;
}

/* A request for a file with a name so long that it fills `size` bytes. */
static void tftp_request(size_t size)
{
	static const char mode[] = "octet";

	if (size < 2 + 2 + sizeof(mode)) {
		fprintf(stderr, "nt: no TFTP request is so short\n");
		exit(2);
	}
	memset(data, 'f', size);
	memcpy(data, "\0\1", 2);
	data[size - sizeof(mode) - 1] = 0;
	memcpy(data + size - sizeof(mode), mode, sizeof(mode));
}

static int run_pp(char **arg)
{
	int fd = client(SOCK_DGRAM, arg[0], arg[1], 1);
	size_t size = number(arg[2], 65000);
	size_t count = number(arg[3], 1000000), done = 0;
	uint64_t *trip = calloc(count + 1, sizeof(*trip)), sum = 0;

	if (!trip) {
		fail("memory");
	}
	if (number(arg[1], 65535) == TFTP_PORT) {
		tftp_request(size);
	}
	give_up_after(fd, 1);
	for (int i = 0; i < WARM_UP_TRIPS; i++) {
		send(fd, data, size, 0);
		recv(fd, answer, sizeof(answer), 0);
	}
	MARK(01);
	for (size_t i = 0; i < count; i++) {
		uint64_t start = clock_ns();

		send(fd, data, size, 0);
		if (recv(fd, answer, sizeof(answer), 0) >= 0) {
			trip[done] = clock_ns() - start;
			sum += trip[done++];
		}
	}
	MARK(02);
	if (done == 0) {
		fprintf(stderr, "nt: %s does not answer\n", arg[0]);
		return 1;
	}
	qsort(trip, done, sizeof(*trip), by_value);
	printf("size=%zu n=%zu lost=%zu min=%llu median=%llu avg=%llu "
	       "p99=%llu max=%llu\n", size, done, count - done,
	       (unsigned long long)trip[0],
	       (unsigned long long)trip[done / 2],
	       (unsigned long long)(sum / done),
	       (unsigned long long)trip[done * 99 / 100],
	       (unsigned long long)trip[done - 1]);
	return 0;
}

/* What has arrived since the last silence. */
struct burst {
	uint64_t count, highest, first_ns, last_ns;
};

static void burst_report(const struct burst *b)
{
	uint64_t span = b->last_ns - b->first_ns;

	printf("n=%llu span_ns=%llu ns_per_pkt=%.1f lost=%lld\n",
	       (unsigned long long)b->count, (unsigned long long)span,
	       b->count > 1 ? (double)span / (double)(b->count - 1) : 0.0,
	       (long long)(b->highest + 1 - b->count));
}

static int run_urecv(char **arg)
{
	int fd = server(SOCK_DGRAM, arg[0]), space = 4 << 20;
	struct mmsghdr message[BATCH] = { 0 };
	struct iovec part[BATCH];
	struct burst burst = { 0 };

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &space, sizeof(space));
	give_up_after(fd, 2);
	for (size_t i = 0; i < BATCH; i++) {
		part[i].iov_base = data + i * DATAGRAM;
		part[i].iov_len = DATAGRAM;
		message[i].msg_hdr.msg_iov = &part[i];
		message[i].msg_hdr.msg_iovlen = 1;
	}
	for (;;) {
		int got = recvmmsg(fd, message, BATCH, MSG_WAITFORONE, NULL);

		if (got < 0 && errno != EAGAIN) {
			fail("receive");
		}
		if (got <= 0) {
			if (burst.count) {
				burst_report(&burst);
			}
			burst = (struct burst){ 0 };
			continue;
		}
		burst.last_ns = clock_ns();
		if (!burst.count) {
			burst.first_ns = burst.last_ns;
		}
		for (int i = 0; i < got; i++) {
			uint64_t serial;

			memcpy(&serial, part[i].iov_base, sizeof(serial));
			if (serial > burst.highest) {
				burst.highest = serial;
			}
		}
		burst.count += (uint64_t)got;
	}
}

static int run_usend(char **arg)
{
	int fd = client(SOCK_DGRAM, arg[0], arg[1], 1);
	size_t size = number(arg[2], 65000);
	uint64_t length = number(arg[3], 3600) * 1000000000;
	uint64_t sent = 0, errors = 0, start, now;

	if (size < sizeof(sent)) {	/* each starts with its serial number */
		size = sizeof(sent);
	}
	MARK(03);
	now = start = clock_ns();
	while (now - start < length) {
		memcpy(data, &sent, sizeof(sent));
		if (send(fd, data, size, 0) >= 0) {
			sent++;
		} else {
			errors++;
			if (errno != ENOBUFS && errno != EAGAIN &&
			    errno != ECONNREFUSED) {
				fail("send");
			}
		}
		if (sent % LOOK_EVERY == 0 || errors) {
			now = clock_ns();
		}
	}
	now = clock_ns();
	MARK(04);
	printf("n=%llu errors=%llu ns=%llu ns_per_pkt=%.1f\n",
	       (unsigned long long)sent, (unsigned long long)errors,
	       (unsigned long long)(now - start),
	       sent ? (double)(now - start) / (double)sent : 0.0);
	return 0;
}

static void stream_report(uint64_t bytes, uint64_t ns)
{
	printf("bytes=%llu ns=%llu ns_per_segment=%.1f\n",
	       (unsigned long long)bytes, (unsigned long long)ns,
	       bytes ? (double)ns / (double)bytes * SEGMENT : 0.0);
}

static int run_trecv(char **arg)
{
	int fd = server(SOCK_STREAM, arg[0]);

	for (;;) {
		int peer = accept(fd, NULL, NULL);
		uint64_t bytes = 0, start = clock_ns();
		ssize_t got;

		if (peer < 0) {
			fail("accept");
		}
		while ((got = recv(peer, data, 256 << 10, 0)) > 0) {
			bytes += (uint64_t)got;
		}
		stream_report(bytes, clock_ns() - start);
		close(peer);
	}
}

static int run_tsend(char **arg)
{
	int fd = client(SOCK_STREAM, arg[0], arg[1], 1);
	uint64_t length = number(arg[2], 3600) * 1000000000;
	size_t size = number(arg[3], sizeof(data));
	uint64_t bytes = 0, start, ns;

	MARK(05);
	start = clock_ns();
	do {
		ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);

		if (sent <= 0) {
			fail("send");
		}
		bytes += (uint64_t)sent;
	} while (clock_ns() - start < length);
	/* The sink closes once it has read everything. */
	shutdown(fd, SHUT_WR);
	recv(fd, data, 1, 0);
	ns = clock_ns() - start;
	MARK(06);
	stream_report(bytes, ns);
	return 0;
}

/* What comes from outside, where nothing can mark a measurement. */
static int run_utake(char **arg)
{
	int fd = server(SOCK_DGRAM, arg[0]);
	uint64_t length = number(arg[1], 3600) * 1000000000;
	uint64_t count = 0, first = 0, highest = 0, serial, start, ns;

	give_up_after(fd, 60);
	if (recv(fd, &first, sizeof(first), 0) < 0) {
		fail("receive");
	}
	MARK(07);
	start = clock_ns();
	do {
		if (recv(fd, &serial, sizeof(serial), 0) < 0) {
			fail("receive");
		}
		highest = serial > highest ? serial : highest;
		count++;
	} while (count % LOOK_EVERY || clock_ns() - start < length);
	ns = clock_ns() - start;
	MARK(08);
	printf("n=%llu sent=%llu ns=%llu ns_per_pkt=%.1f\n",
	       (unsigned long long)count, (unsigned long long)(highest - first),
	       (unsigned long long)ns, (double)ns / (double)count);
	return 0;
}

static int run_ttake(char **arg)
{
	int fd = server(SOCK_STREAM, arg[0]);
	uint64_t length = number(arg[1], 3600) * 1000000000;
	uint64_t bytes = 0, start, ns;
	int peer;

	give_up_after(fd, 60);
	peer = accept(fd, NULL, NULL);
	if (peer < 0) {
		fail("accept");
	}
	MARK(09);
	start = clock_ns();
	do {
		ssize_t got = recv(peer, data, 256 << 10, 0);

		if (got <= 0) {
			fail("receive");
		}
		bytes += (uint64_t)got;
		ns = clock_ns() - start;
	} while (ns < length);
	MARK(0a);
	stream_report(bytes, ns);
	return 0;
}

static int run_off(char **arg)
{
	static const uint32_t features[] = {
		ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO,
	};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), status = 0;

	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		struct ethtool_value value = {
			.cmd = features[i],
			.data = (uint32_t)number(arg[1], 1),
		};
		struct ifreq request = { .ifr_data = (char *)&value };

		snprintf(request.ifr_name, IFNAMSIZ, "%s", arg[0]);
		if (ioctl(fd, SIOCETHTOOL, &request)) {
			fprintf(stderr, "nt: %s, feature 0x%x: %s\n", arg[0],
				features[i], strerror(errno));
			status = 1;
		}
	}
	return status;
}

static int run_shd(char **arg)
{
	int fd = server(SOCK_STREAM, arg[0]);

	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int peer = accept(fd, NULL, NULL);

		if (peer < 0) {
			fail("accept");
		}
		if (fork() == 0) {
			signal(SIGCHLD, SIG_DFL);
			for (int i = 0; i <= STDERR_FILENO; i++) {
				dup2(peer, i);
			}
			close(peer);
			execl("/bin/sh", "sh", (char *)NULL);
			_exit(127);
		}
		close(peer);
	}
}

static int run_rsh(char **arg)
{
	int fd = client(SOCK_STREAM, arg[0], arg[1], 100);
	FILE *line = fdopen(dup(fd), "w");
	ssize_t got;

	if (!line) {
		fail("memory");
	}
	for (char **word = arg + 2; *word; word++) {
		fprintf(line, "%s%c", *word, word[1] ? ' ' : '\n');
	}
	if (fclose(line)) {
		fail("send");
	}
	shutdown(fd, SHUT_WR);
	while ((got = recv(fd, data, 65536, 0)) > 0) {
		if (write(STDOUT_FILENO, data, (size_t)got) != got) {
			fail("write");
		}
	}
	return 0;
}

static const struct verb {
	const char *name, *usage;
	int words;
	bool more;
	int (*run)(char **arg);
} verbs[] = {
	{ "echo", "PORT", 1, false, run_echo },
	{ "pp", "IP PORT SIZE COUNT", 4, false, run_pp },
	{ "urecv", "PORT", 1, false, run_urecv },
	{ "usend", "IP PORT SIZE SECONDS", 4, false, run_usend },
	{ "trecv", "PORT", 1, false, run_trecv },
	{ "tsend", "IP PORT SECONDS SIZE", 4, false, run_tsend },
	{ "utake", "PORT SECONDS", 2, false, run_utake },
	{ "ttake", "PORT SECONDS", 2, false, run_ttake },
	{ "off", "DEVICE 0|1", 2, false, run_off },
	{ "shd", "PORT", 1, false, run_shd },
	{ "rsh", "IP PORT COMMAND...", 3, true, run_rsh },
};

int main(int argc, char **argv)
{
	size_t count = sizeof(verbs) / sizeof(verbs[0]);

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < count && argc > 1; i++) {
		const struct verb *verb = &verbs[i];

		if (!strcmp(argv[1], verb->name) &&
		    (argc - 2 == verb->words ||
		     (verb->more && argc - 2 > verb->words))) {
			return verb->run(argv + 2);
		}
	}
	for (size_t i = 0; i < count; i++) {
		fprintf(stderr, "%s nt %s %s\n", i ? "      " : "usage:",
			verbs[i].name, verbs[i].usage);
	}
	return 2;
}
