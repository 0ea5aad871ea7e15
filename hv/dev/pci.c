/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making PCI devices quiet. See pci.h.
 *
 * Buses are walked from the last to the first: a bus has a higher number than
 * the bridge that leads to it, and behind a bridge in reset nothing answers.
 */
#include "dev/pci.h"

#include "lib/bits.h"

#define BUS_SIZE	MIB(1)
#define FUNCTION_SIZE	4096U
#define DEVICES		32U
#define FUNCTIONS	8U

/* Configuration space; words of 32 bits, but for command and control. */
#define PCI_ID		0x00U
#define PCI_COMMAND	0x04U		/* and status in the upper half */
#define PCI_HEADER	0x0cU
#define PCI_CAPABILITY	0x34U
#define PCI_BRIDGE	0x3cU		/* bridge control in the upper half */

#define COMMAND_MASTER	(1U << 2)
#define COMMAND_NO_INTX	(1U << 10)
#define STATUS_HAS_CAPS	(1U << 20)
#define HEADER_KIND(w)	((w) >> 16 & 0x7fU)
#define HEADER_BRIDGE	1U
#define HEADER_MULTI	(1U << 23)
#define BRIDGE_RESET	(1U << 22)
#define NO_DEVICE	0xffffU

#define CAP_EXPRESS	0x10U
#define CAPS_MAX	48U		/* as many as there is room for */
#define EXPRESS_CAPS	0x04U
#define EXPRESS_CONTROL	0x08U
#define CAPS_FLR	(1U << 28)
#define CONTROL_FLR	(1U << 15)

#define RESET_NS	2000000ULL	/* a bridge's reset is held (7.5.1.3.13) */
#define SETTLE_NS	100000000ULL	/* until devices answer again (6.6.1) */

static uint32_t word_read(uint8_t *f, unsigned int reg)
{
	return READ_ONCE(*(uint32_t *)(void *)(f + reg));
}

static void word_write(uint8_t *f, unsigned int reg, uint32_t val)
{
	WRITE_ONCE(*(uint32_t *)(void *)(f + reg), val);
}

/* Half a word: the status bits beside it are cleared by writing ones. */
static void half_write(uint8_t *f, unsigned int reg, uint32_t val)
{
	WRITE_ONCE(*(uint16_t *)(void *)(f + reg), (uint16_t)val);
}

/* The function's PCI Express capability, or 0. */
static unsigned int express_find(uint8_t *f)
{
	unsigned int at;

	if ((word_read(f, PCI_COMMAND) & STATUS_HAS_CAPS) == 0) {
		return 0;
	}
	at = word_read(f, PCI_CAPABILITY) & 0xfcU;
	for (unsigned int n = 0; at >= 0x40 && n < CAPS_MAX; n++) {
		uint32_t cap = word_read(f, at);

		if ((cap & 0xff) == CAP_EXPRESS) {
			return at;
		}
		at = cap >> 8 & 0xfcU;
	}
	return 0;
}

static bool flr(uint8_t *f)
{
	unsigned int cap = express_find(f);

	if (cap == 0 || (word_read(f, cap + EXPRESS_CAPS) & CAPS_FLR) == 0) {
		return false;
	}
	half_write(f, cap + EXPRESS_CONTROL, word_read(f, cap + EXPRESS_CONTROL) | CONTROL_FLR);
	return true;
}

static void function_stop(struct pci_quiet *q, uint8_t *f)
{
	uint32_t command = word_read(f, PCI_COMMAND);
	uint32_t kind = HEADER_KIND(word_read(f, PCI_HEADER));

	half_write(f, PCI_COMMAND, (command & ~COMMAND_MASTER) | COMMAND_NO_INTX);
	/* The write has arrived when a read behind it is answered. */
	(void)word_read(f, PCI_COMMAND);
	if (!q->reset_all && (command & COMMAND_MASTER) == 0) {
		return;
	}
	if (kind == HEADER_BRIDGE) {
		word_write(f, PCI_BRIDGE, word_read(f, PCI_BRIDGE) | BRIDGE_RESET);
		q->was_reset = true;
	} else if (flr(f)) {
		q->was_reset = true;
	}
}

static void function_release(struct pci_quiet *q, uint8_t *f)
{
	(void)q;
	if (HEADER_KIND(word_read(f, PCI_HEADER)) == HEADER_BRIDGE) {
		word_write(f, PCI_BRIDGE, word_read(f, PCI_BRIDGE) & ~BRIDGE_RESET);
	}
}

/* Call `fn` for each function of a bus: at most 256. */
static void bus_walk(struct pci_quiet *q, unsigned int bus,
		     void (*fn)(struct pci_quiet *q, uint8_t *f))
{
	uint8_t *at = q->ecam + (bus - q->bus_first) * BUS_SIZE;

	for (unsigned int dev = 0; dev < DEVICES; dev++, at += FUNCTIONS * FUNCTION_SIZE) {
		unsigned int count = 1;

		if ((word_read(at, PCI_ID) & 0xffff) == NO_DEVICE) {
			continue;
		}
		if ((word_read(at, PCI_HEADER) & HEADER_MULTI) != 0) {
			count = FUNCTIONS;
		}
		for (unsigned int n = 0; n < count; n++) {
			uint8_t *f = at + (size_t)n * FUNCTION_SIZE;

			if ((word_read(f, PCI_ID) & 0xffff) != NO_DEVICE) {
				fn(q, f);
			}
		}
	}
}

void pci_quiet_begin(struct pci_quiet *q, void *ecam, uint8_t first, uint8_t last,
		     bool reset_all)
{
	*q = (struct pci_quiet){
		.ecam = ecam, .bus_first = first, .bus_last = last, .reset_all = reset_all,
		.state = PCI_QUIET_STOP, .bus = last,
	};
}

bool pci_quiet_step(struct pci_quiet *q, uint64_t *pause_ns)
{
	*pause_ns = 0;
	switch (q->state) {
	case PCI_QUIET_STOP:
		bus_walk(q, q->bus, function_stop);
		if (q->bus > q->bus_first) {
			q->bus--;
			return true;
		}
		q->state = q->was_reset ? PCI_QUIET_RELEASE : PCI_QUIET_DONE;
		*pause_ns = RESET_NS;
		return q->was_reset;
	case PCI_QUIET_RELEASE:
		/* Bridges further down were reset by these, to no reset. */
		bus_walk(q, q->bus_first, function_release);
		q->state = PCI_QUIET_SETTLE;
		*pause_ns = SETTLE_NS;
		return true;
	case PCI_QUIET_SETTLE:
	case PCI_QUIET_DONE:
		q->state = PCI_QUIET_DONE;
		break;
	}
	return false;
}
