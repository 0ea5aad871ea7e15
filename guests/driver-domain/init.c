/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first and only program of a driver domain: finds network cards and disks and
 * loads their drivers, connects each card with a port of the hypervisor's switch,
 * and tells the hypervisor of the disks. Then it reports once a second, and lets the
 * watchdog know that all is well.
 *
 * Words of the kernel's command line:
 *   mv.nic=ADDRESS,...   these cards, for vif 0, 1, ...; else all, in the
 *                        order of their PCI addresses
 *   mv.mtu=BYTES         instead of what XenStore says of the vif
 *   mv.xdp=VIF,...       these vifs' frames go by XDP, or those of "all"
 *   mv.lvm=DISK,...      logical volumes are on these disks and partitions
 *
 * The kernel runs it as /sbin/poweroff and /sbin/reboot, too, when the
 * hypervisor asks for that.
 */
#include "dd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	WATCHDOG_S = 10,	/* without a sign of life */
	STUCK_S = 5,		/* frames come in here and don't go out there */
	FIND_MS = 5000,		/* for devices to appear */
	LOOKS = 10,		/* for disks, in a second .. */
	LOOKS_S = 10,		/* .. so long; then one */
	REPORTS = 10,		/* keys of a pair that may change */
	SETTLE_MS = 4000,	/* all disks of the start are there */
};

struct pair {
	struct nic nic;
	struct nic vif;
	unsigned int mtu;
	bool xdp;		/* how frames go from one to the other; else by tc */
	/* Frames seen so far, into and out of the domain: [0] card to vif. */
	uint64_t in[2];
	uint64_t out[2];
	unsigned int stuck[2];	/* seconds in a row */
	char told[REPORTS][24];	/* what XenStore has */
};

static struct pair pairs[NICS_MAX];
static unsigned int pair_count;
static bool has_store;
static bool has_disks;
static int watchdog = -1;

void say(const char *format, ...)
{
	char line[256];
	int at = snprintf(line, sizeof(line), "uplink: ");
	va_list args;

	va_start(args, format);
	vsnprintf(line + at, sizeof(line) - (size_t)at - 1, format, args);
	va_end(args);
	strcat(line, "\n");
	(void)!write(STDOUT_FILENO, line, strlen(line));
}

/* --- set-up ---------------------------------------------------------------- */

static void mount_all(void)
{
	if (mount("proc", "/proc", "proc", 0, NULL) != 0 ||
	    mount("sys", "/sys", "sysfs", 0, NULL) != 0 ||
	    mount("dev", "/dev", "devtmpfs", 0, NULL) != 0) {
		say("can't mount: %m");
	}
}

/* The domain itself is on no network: it must not say a word there. */
static void be_silent(void)
{
	file_write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
	file_write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
}

/* No fair queueing: the rings' order is kept, as by a switch. */
static void be_simple(void)
{
	file_write("/proc/sys/net/core/default_qdisc", "pfifo_fast");
}

/* A bus may be behind a device of another. */
static void load_drivers(void)
{
	static const char *const needed[] = { "sch_ingress", "cls_matchall", "act_mirred" };
	bool more = true;

	for (unsigned int i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		(void)module_load(needed[i]);
	}
	for (unsigned int round = 0; more && round < 4; round++) {
		more = modules_for_bus("platform");
		more |= modules_for_bus("pci");
		more |= modules_for_bus("virtio");
		more |= modules_for_bus("xen");
	}
	if (has_store) {
		(void)module_load("xen_wdt");
		has_disks = disks_prepare();
	}
	modules_forget();
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* The cards that the command line names, in its order, or all. */
static unsigned int choose_nics(struct nic *chosen)
{
	struct nic found[NICS_MAX];
	unsigned int count = nics_find(found, NICS_MAX);
	unsigned int n = 0;
	char list[256];

	if (!cmdline_word("mv.nic", list, sizeof(list))) {
		memcpy(chosen, found, sizeof(found));
		return count;
	}
	for (char *save, *word = strtok_r(list, ",", &save); word != NULL;
	     word = strtok_r(NULL, ",", &save)) {
		unsigned int i = 0;

		while (i < count && strcmp(found[i].device, word) != 0) {
			i++;
		}
		if (i == count) {
			say("there is no network card %s", word);
		} else if (n < NICS_MAX) {
			chosen[n++] = found[i];
		}
	}
	return n;
}

static unsigned int mtu_of(const struct nic *vif)
{
	char path[PATH_LEN];
	char text[16];

	snprintf(path, sizeof(path), "device/vif/%u/mtu", vif->vif);
	if (cmdline_word("mv.mtu", text, sizeof(text)) || store_read(path, text, sizeof(text))) {
		return (unsigned int)strtoul(text, NULL, 10);
	}
	/* A virtio device tells it itself. */
	snprintf(path, sizeof(path), "/sys/class/net/%s/mtu", vif->name);
	return (unsigned int)file_number(path, 1500);
}

/* Does mv.xdp name the vif? */
static bool xdp_wanted(unsigned int vif)
{
	char list[64];
	bool wanted = false;

	if (!cmdline_word("mv.xdp", list, sizeof(list))) {
		return false;
	}
	for (char *save, *word = strtok_r(list, ",", &save); word != NULL;
	     word = strtok_r(NULL, ",", &save)) {
		char *end;
		unsigned long number = strtoul(word, &end, 10);

		if (strcmp(word, "all") == 0) {
			wanted = true;
		} else if (*end != '\0') {
			say("mv.xdp: '%s' is neither a vif's number nor 'all'", word);
		} else {
			wanted |= number == vif;
		}
	}
	return wanted;
}

/* A netfront's driver drops frames of several pages while it has an XDP program. */
static bool try_xdp(const struct pair *p)
{
	if (!xdp_wanted(p->vif.vif)) {
		return false;
	}
	if (p->vif.netfront) {
		say("vif %u: no XDP, for it is a netfront", p->vif.vif);
		return false;
	}
	return xdp_connect(p->nic.name, p->vif.name);
}

static bool redirect(struct pair *p)
{
	p->xdp = try_xdp(p);
	return p->xdp || (link_redirect(p->nic.name, p->vif.name) &&
			  link_redirect(p->vif.name, p->nic.name));
}

static void no_sent_irqs(const struct nic *nic)
{
	if (strcmp(nic->driver, "virtio_net") == 0) {
		link_no_sent_irqs(nic->name);
	}
}

static bool connect_pair(struct pair *p)
{
	p->mtu = mtu_of(&p->vif);
	link_no_lro(p->nic.name);
	link_no_wrong_segments(p->nic.name);
	link_no_gro(p->vif.name);
	no_sent_irqs(&p->nic);
	no_sent_irqs(&p->vif);
	/* Before XDP: drivers may take it with some MTUs only. */
	link_mtu(p->vif.name, p->mtu);
	link_mtu(p->nic.name, p->mtu);
	if (!redirect(p) || !link_up(p->vif.name) || !link_up(p->nic.name)) {
		return false;
	}
	say("vif %u is on %s (%s, %s), MTU %u, by %s", p->vif.vif, p->nic.name, p->nic.driver,
	    p->nic.device, p->mtu, p->xdp ? "XDP" : "tc");
	return true;
}

static void connect_all(void)
{
	struct nic nics[NICS_MAX];
	struct nic vifs[NICS_MAX];
	unsigned int nic_count;
	unsigned int vif_count;
	uint64_t begin = now_ms();

	/* A VM may have disks only. */
	if (has_store && vifs_expected() == 0) {
		return;
	}
	while ((nic_count = choose_nics(nics)) == 0 && now_ms() - begin < FIND_MS) {
		usleep(10000);
	}
	while ((vif_count = vifs_find(vifs, NICS_MAX)) < vifs_expected() &&
	       now_ms() - begin < FIND_MS) {
		usleep(10000);
	}
	if (nic_count == 0) {
		say("no network card");
	}
	if (vif_count == 0) {
		say("no vif");
	}
	for (unsigned int i = 0; i < nic_count && i < vif_count; i++) {
		struct pair *p = &pairs[pair_count];

		p->nic = nics[i];
		p->vif = vifs[i];
		pair_count += connect_pair(p);
	}
	/* Without a switch: what the card can do is of interest all the same. */
	for (unsigned int i = vif_count; i < nic_count; i++) {
		if (link_up(nics[i].name)) {
			say("%s (%s, %s) is up and unused", nics[i].name, nics[i].driver,
			    nics[i].device);
		}
	}
}

static void watchdog_start(void)
{
	int seconds = WATCHDOG_S;

	watchdog = open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
	if (watchdog < 0) {
		say("no watchdog: %m");
	} else if (ioctl(watchdog, WDIOC_SETTIMEOUT, &seconds) != 0) {
		say("watchdog: %m");
	}
}

/* --- once a second --------------------------------------------------------- */

static uint64_t statistic(const char *name, const char *counter)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/%s", name, counter);
	return file_number(path, 0);
}

static bool carrier(const char *name)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "/sys/class/net/%s/carrier", name);
	return file_number(path, 0) == 1;
}

/* Mbit/s; 0 if there is no link, or it doesn't know. */
static uint64_t speed(const char *name)
{
	char path[PATH_LEN];
	uint64_t mbits;

	snprintf(path, sizeof(path), "/sys/class/net/%s/speed", name);
	mbits = file_number(path, 0);
	return mbits > INT32_MAX ? 0 : mbits;
}

/* A write is two trips to the hypervisor and back: only of what is new. */
static void tell(const char *path, char *told, const char *text)
{
	if (strcmp(told, text) != 0 && store_write(path, "%s", text)) {
		strcpy(told, text);
	}
}

static void tell_number(const char *path, char *told, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	tell(path, told, text);
}

static void report(struct pair *p)
{
	static const char *const counters[][2] = {
		{ "rx-packets", "rx_packets" }, { "rx-bytes", "rx_bytes" },
		{ "rx-errors", "rx_errors" }, { "rx-drops", "rx_dropped" },
		{ "tx-packets", "tx_packets" }, { "tx-bytes", "tx_bytes" },
		{ "tx-errors", "tx_errors" }, { "tx-drops", "tx_dropped" },
	};
	enum { COUNTERS = sizeof(counters) / sizeof(counters[0]) };
	_Static_assert(COUNTERS + 2 == REPORTS, "each key has its place in told");
	char path[PATH_LEN];
	int at = snprintf(path, sizeof(path), "data/uplink/%u/", p->vif.vif);
	/* What XDP drops is counted elsewhere than the last of them. */
	uint64_t drops = p->xdp ? link_xdp_drops(p->nic.name) : 0;

	for (unsigned int i = 0; i < COUNTERS; i++) {
		strcpy(path + at, counters[i][0]);
		tell_number(path, p->told[i], statistic(p->nic.name, counters[i][1]) +
			    (i == COUNTERS - 1 ? drops : 0));
	}
	strcpy(path + at, "link");
	tell(path, p->told[COUNTERS], carrier(p->nic.name) ? "up" : "down");
	strcpy(path + at, "speed");
	tell_number(path, p->told[COUNTERS + 1], speed(p->nic.name));
}

static void report_once(const struct pair *p)
{
	char path[PATH_LEN];
	int at = snprintf(path, sizeof(path), "data/uplink/%u/", p->vif.vif);

	strcpy(path + at, "nic");
	store_write(path, "%s", p->nic.device);
	strcpy(path + at, "driver");
	store_write(path, "%s", p->nic.driver);
	strcpy(path + at, "mtu");
	store_write(path, "%u", p->mtu);
}

/* What `from` took in and `to` should have sent or given up. */
static bool direction_flows(struct pair *p, unsigned int d, const char *from, const char *to)
{
	uint64_t in = statistic(from, "rx_packets");
	uint64_t out = statistic(to, "tx_packets") + statistic(to, "tx_dropped") +
		       statistic(to, "tx_errors");

	if (in != p->in[d] && out == p->out[d]) {
		p->stuck[d]++;
	} else if (out != p->out[d]) {
		p->stuck[d] = 0;
	}
	p->in[d] = in;
	p->out[d] = out;
	return p->stuck[d] < STUCK_S;
}

static bool flows(struct pair *p)
{
	bool both = direction_flows(p, 0, p->nic.name, p->vif.name);

	/* Without a link nothing goes out, and nothing need. */
	if (!carrier(p->nic.name)) {
		p->stuck[1] = 0;
		return both;
	}
	return direction_flows(p, 1, p->vif.name, p->nic.name) && both;
}

static void tick(void)
{
	static bool told;
	bool good = true;

	for (unsigned int i = 0; i < pair_count; i++) {
		good &= flows(&pairs[i]);
		if (has_store) {
			report(&pairs[i]);
		}
	}
	if (good && watchdog >= 0) {
		(void)!write(watchdog, "", 1);
	}
	if (!good && !told) {
		told = true;
		say("frames come in and don't go out: no more signs of life");
	}
}

/* --- the program ------------------------------------------------------------ */

/* The value of a line of /proc/meminfo, KiB. */
static unsigned long memory(const char *key)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	unsigned long kib = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, key, strlen(key)) == 0) {
			kib = strtoul(line + strlen(key) + 1, NULL, 10);
		}
	}
	if (file != NULL) {
		fclose(file);
	}
	return kib;
}

static void say_ready(void)
{
	unsigned long total = memory("MemTotal");
	char text[16];

	/* All that the domain was given, the kernel's own included. */
	if (store_read("memory/static-max", text, sizeof(text))) {
		total = strtoul(text, NULL, 10);
	}
	say("ready in %llu ms, %lu MiB used of %lu", (unsigned long long)now_ms(),
	    (total - memory("MemAvailable")) >> 10, total >> 10);
	if (has_store) {
		store_write("data/uplink/ready-ms", "%llu", (unsigned long long)now_ms());
	}
}

/*
 * The kernel is to end. virtio_net's sender may spin for ever on a card that was
 * shut down while frames come, so none must come.
 */
static int end(bool again)
{
	struct nic nics[NICS_MAX];
	unsigned int count = nics_find(nics, NICS_MAX);

	for (unsigned int i = 0; i < count; i++) {
		(void)link_down(nics[i].name);
	}
	return reboot(again ? RB_AUTOBOOT : RB_POWER_OFF);
}

/* For a second: disks that are slow to start appear late. */
static void watch_disks(void)
{
	unsigned int looks = has_disks && now_ms() < LOOKS_S * 1000 ? LOOKS : 1;

	for (unsigned int i = 0; i < looks; i++) {
		if (has_disks) {
			disks_report(now_ms() >= SETTLE_MS);
		}
		usleep(1000000 / looks);
	}
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');

	(void)argc;
	name = name != NULL ? name + 1 : argv[0];
	if (getpid() != 1) {
		return end(strcmp(name, "reboot") == 0);
	}
	mount_all();
	be_silent();
	be_simple();
	has_store = store_open();
	load_drivers();
	/* VMs may wait for them, and cards may take a while. */
	if (has_disks) {
		disks_report(false);
	}
	connect_all();
	watchdog_start();
	for (unsigned int i = 0; i < pair_count; i++) {
		if (has_store) {
			report_once(&pairs[i]);
		}
		(void)flows(&pairs[i]);
	}
	say_ready();
	for (;;) {
		tick();
		watch_disks();
	}
}
