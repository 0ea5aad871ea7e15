/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that was given the machine's PCI host: configuration space, registers,
 * INTx and DMA of QEMU's device for teaching, "edu" (its docs/specs/edu.txt).
 * With "mode=loop" it leaves the device at work and reboots.
 */
#include "lib/guest.h"
#include "lib/xen.h"

#define EDU_ID		0x11e81234U
#define BAR		0x10000000UL	/* where it is put */
#define ROUNDS		200U
#define SGI_CALL	1U

#define CFG_COMMAND	0x04U
#define CFG_BAR0	0x10U
#define CFG_PIN		0x3dU
#define COMMAND_ON	0x6U		/* memory, bus master; INTx not off */

#define EDU_IDENT	(BAR + 0x00)
#define EDU_LIVE	(BAR + 0x04)
#define EDU_IRQ_STATUS	(BAR + 0x24)
#define EDU_RAISE	(BAR + 0x60)
#define EDU_ACK		(BAR + 0x64)
#define EDU_DMA_SRC	(BAR + 0x80)
#define EDU_DMA_DST	(BAR + 0x88)
#define EDU_DMA_COUNT	(BAR + 0x90)
#define EDU_DMA_CMD	(BAR + 0x98)
#define EDU_BUFFER	0x40000UL
#define DMA_START	1U
#define DMA_TO_RAM	2U
#define DMA_IRQ		4U
#define IRQ_DMA		0x100U
#define DMA_SIZE	2048U		/* its buffer has 4096 */

const char guest_name[] = "pci";

static uint8_t pages[2][PAGE_SIZE] PAGE;
static uint64_t ecam, edu;		/* its configuration space */
static unsigned int edu_slot, edu_irq;
static volatile unsigned int taken;
static volatile uint32_t status;
static volatile unsigned int leave_up;	/* so often the line stays up */

static void case_tree(void)
{
	size_t len;
	const uint8_t *p = guest_prop("pcie@", "reg", &len);

	if (p == NULL || len != 16) {
		fail("no PCI host");
		return;
	}
	ecam = get_be64(p);
	CHECK_EQ(get_be64(p + 8), 0x10000000);
	CHECK(guest_prop("pcie@", "msi-map", NULL) == NULL);
	CHECK(guest_prop("pcie@", "interrupt-map-mask", NULL) != NULL);
	for (uint64_t gib = 64; gib < 512; gib++) {
		mmu_level1[gib] = MMU_DEVICE(gib);
	}
	__asm__ volatile("dsb sy\n\tisb" : : : "memory");
}

/* The entry of a slot's pin in the host's interrupt-map: 8 cells each. */
static unsigned int irq_of(unsigned int slot, unsigned int pin)
{
	size_t len;
	const uint8_t *p = guest_prop("pcie@", "interrupt-map", &len);
	const uint8_t *mask = guest_prop("pcie@", "interrupt-map-mask", NULL);
	uint32_t want = slot << 11 & get_be32(mask);

	CHECK_EQ(len % 32, 0);
	for (size_t at = 0; at + 32 <= len; at += 32) {
		if (get_be32(p + at) == want && get_be32(p + at + 12) == pin) {
			CHECK_EQ(get_be32(p + at + 20), 0);	/* an SPI */
			CHECK_EQ(get_be32(p + at + 28), 4);	/* level */
			return 32 + get_be32(p + at + 24);
		}
	}
	fail("no interrupt for slot %u pin %u", slot, pin);
	return 0;
}

static void case_config(void)
{
	for (unsigned int slot = 0; slot < 32 && edu == 0; slot++) {
		if (read32(ecam + (slot << 15)) == EDU_ID) {
			edu = ecam + (slot << 15);
			edu_slot = slot;
		}
	}
	if (edu == 0) {
		fail("no edu device");
		return;
	}
	CHECK_EQ(read16(edu + CFG_COMMAND) & 4, 0);	/* not at work */
	write32(edu + CFG_BAR0, UINT32_MAX);
	CHECK_EQ(read32(edu + CFG_BAR0), 0xfff00000);
	write32(edu + CFG_BAR0, BAR);
	write16(edu + CFG_COMMAND, COMMAND_ON);
	CHECK_EQ(read32(ecam + (255UL << 20)), UINT32_MAX);	/* the last bus */
}

static void case_registers(void)
{
	CHECK_EQ(read32(EDU_IDENT) & 0xffff, 0x00ed);
	for (unsigned int i = 0; i < 100; i++) {
		uint32_t val = (uint32_t)rnd();

		write32(EDU_LIVE, val);
		CHECK_EQ(read32(EDU_LIVE), (uint32_t)~val);
	}
}

static void on_irq(unsigned int intid)
{
	(void)intid;
	taken++;
	if (leave_up > 0) {
		leave_up--;
		return;
	}
	status = read32(EDU_IRQ_STATUS);
	write32(EDU_ACK, status);
}

static void case_intx(void)
{
	write32(EDU_ACK, UINT32_MAX);
	edu_irq = irq_of(edu_slot, read8(edu + CFG_PIN));
	irq_set(edu_irq, on_irq);
	irq_enable();
	for (unsigned int i = 1; i <= ROUNDS; i++) {
		write32(EDU_RAISE, i);
		if (!WAIT_FOR(taken == i, 1000000)) {
			fail("interrupt %u came %u times", i, taken);
			break;
		}
		CHECK_EQ(status, i);
	}
	delay_us(2000);
	CHECK_EQ(taken, ROUNDS);
	irq_disable();
}

/* A line that stays up comes again, each time that its end was told. */
static void case_level(void)
{
	taken = 0;
	leave_up = 5;
	write32(EDU_RAISE, 1);
	irq_enable();
	CHECK(WAIT_FOR(taken == 6, 1000000));
	delay_us(2000);
	irq_disable();
	CHECK_EQ(taken, 6);
	CHECK_EQ(read32(EDU_IRQ_STATUS), 0);
}

/* While it waits for an interrupt, its CPU sleeps or runs others. */
static void case_wait(void)
{
	taken = 0;
	for (unsigned int i = 1; i <= 20; i++) {
		write32(EDU_RAISE, 1);
		while (taken < i) {
			wfi();
			irq_enable();
			isb();
			irq_disable();
		}
	}
	CHECK_EQ(taken, 20);
}

static void case_mask(void)
{
	uint64_t word = GICD_BASE + edu_irq / 32 * 4;
	uint32_t bit = 1U << edu_irq % 32;

	taken = 0;
	write32(word + 0x180, bit);		/* ICENABLER */
	CHECK((read32(word + 0x100) & bit) == 0);
	irq_enable();
	write32(EDU_RAISE, 1);
	delay_us(2000);
	CHECK_EQ(taken, 0);
	write32(word + 0x100, bit);
	CHECK(WAIT_FOR(taken == 1, 1000000));
	irq_disable();
	/* Waiting, it can be withdrawn; the line brings it back. */
	write32(EDU_RAISE, 1);
	delay_us(1000);
	CHECK((read32(word + 0x200) & bit) != 0);
	write32(word + 0x280, bit);		/* ICPENDR */
	irq_enable();
	CHECK(WAIT_FOR(taken == 2, 1000000));
	irq_disable();
	CHECK((read32(word + 0x200) & bit) == 0);
}

static volatile bool other_done;
static volatile unsigned int other_cpu;

static void on_irq_elsewhere(unsigned int intid)
{
	other_cpu = cpu_id();
	on_irq(intid);
}

static void on_call(unsigned int intid)
{
	(void)intid;
}

/*
 * The second CPU takes what is routed to it, then goes off with one that it
 * was told of and did not take.
 */
static void other(void)
{
	gic_cpu_init();
	irq_set(SGI_CALL, on_call);
	irq_set(edu_irq, on_irq_elsewhere);		/* to this CPU */
	while (!other_done) {
		wfi();
		irq_enable();
		isb();
		irq_disable();
	}
	write32(EDU_RAISE, 1);
	delay_us(1000);
	(void)read32(GICD_BASE);			/* an exit and an entry */
}

/* Routed to another CPU; what that one leaves behind comes here. */
static void case_route(void)
{
	taken = 0;
	other_done = false;
	CHECK_EQ(cpu_start(1, other), 0);
	CHECK(WAIT_FOR((read32(GICD_BASE + 0x6000 + edu_irq * 8) & 0xff) == 1, 1000000));
	for (unsigned int i = 1; i <= ROUNDS; i++) {
		other_cpu = UINT32_MAX;
		write32(EDU_RAISE, 1);
		if (!WAIT_FOR(taken == i && read32(EDU_IRQ_STATUS) == 0, 1000000)) {
			fail("interrupt %u on the other CPU came %u times", i, taken);
			break;
		}
		CHECK_EQ(other_cpu, 1);
	}
	other_done = true;
	taken = 0;
	sgi_send(1, SGI_CALL);
	CHECK(cpu_wait_off(1));
	CHECK_EQ(taken, 0);
	irq_set(edu_irq, on_irq);
	irq_enable();
	CHECK(WAIT_FOR(taken == 1, 1000000));
	irq_disable();
}

static int64_t memory_op(uint32_t op, struct xen_reservation *r)
{
	return hypercall(HC_MEMORY_OP, op, (uint64_t)r, 0, 0, 0);
}

static bool dma(uint64_t src, uint64_t dst, uint32_t cmd)
{
	taken = 0;
	write64(EDU_DMA_SRC, src);
	write64(EDU_DMA_DST, dst);
	write64(EDU_DMA_COUNT, DMA_SIZE);
	write64(EDU_DMA_CMD, cmd | DMA_START | DMA_IRQ);
	irq_enable();
	if (!WAIT_FOR(taken != 0, 3000000)) {
		fail("DMA does not end");
	}
	irq_disable();
	return status == IRQ_DMA;
}

/* From one page to the other, by addresses of the guest. */
static void case_dma(void)
{
	for (unsigned int i = 0; i < DMA_SIZE; i++) {
		pages[0][i] = (uint8_t)rnd();
		pages[1][i] = 0;
	}
	__asm__ volatile("dsb sy" : : : "memory");
	CHECK(dma((uint64_t)pages[0], EDU_BUFFER, 0));
	CHECK(dma(EDU_BUFFER, (uint64_t)pages[1], DMA_TO_RAM));
	CHECK(memcmp(pages[0], pages[1], DMA_SIZE) == 0);
}

/* Pages that were given up come back as the same ones: DMA finds them. */
static void case_balloon(void)
{
	uint64_t gfn = (uint64_t)pages[1] >> 12;
	struct xen_reservation r = {
		.extent_start = (uint64_t)&gfn, .nr_extents = 1, .domid = DOMID_SELF,
	};

	CHECK_EQ(memory_op(XENMEM_DECREASE, &r), 1);
	CHECK_EQ(memory_op(XENMEM_POPULATE, &r), 1);
	CHECK_EQ(pages[1][0] | pages[1][DMA_SIZE - 1], 0);
	CHECK(dma(EDU_BUFFER, (uint64_t)pages[1], DMA_TO_RAM));
	CHECK(memcmp(pages[0], pages[1], DMA_SIZE) == 0);
	/* Registers are no memory to be given up or replaced. */
	gfn = BAR >> 12;
	CHECK_EQ(memory_op(XENMEM_DECREASE, &r), 0);
	CHECK_EQ(memory_op(XENMEM_POPULATE, &r), 0);
	CHECK_EQ(read32(EDU_IDENT) & 0xffff, 0x00ed);
}

/* What is the machine's, and not of its host. */
static void case_others(void)
{
	static const uint64_t places[] = {
		0x08000000,		/* the machine's interrupt controller */
		0x09000000,		/* UART */
		0x0a000000,		/* a virtio transport */
		0x40200000,		/* the hypervisor */
	};

	for (unsigned int i = 0; i < COUNT(places); i++) {
		fault_begin();
		(void)read32(places[i]);
		CHECK_EQ(fault_end(), 1);
	}
	/* No instructions, no odd addresses: device memory. */
	fault_begin();
	(void)read32(EDU_IDENT + 2);
	(void)fault_end();
}

/* Registers as arguments of hypercalls, also if the guest calls them memory. */
static void case_arguments(void)
{
	const uint64_t normal = 0x701;
	uint64_t places[] = { BAR, edu, ecam, 0x3eff0000, 0x8000000000 - 64, 64UL << 30 };

	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < COUNT(places); i++) {
			CHECK(hypercall(HC_XEN_VERSION, 1, places[i], 0, 0, 0) < 0);
			CHECK(hypercall(HC_XEN_VERSION, 6, places[i], 0, 0, 0) < 0);
			CHECK(hypercall(HC_MEMORY_OP, XENMEM_DECREASE, places[i], 0, 0, 0) < 0);
		}
		for (uint64_t gib = 64; gib < 512; gib++) {
			mmu_level1[gib] = gib << 30 | normal;
		}
		__asm__ volatile("dsb sy\n\ttlbi vmalle1\n\tdsb sy\n\tisb" : : : "memory");
	}
	CHECK_EQ(read32(EDU_IDENT) & 0xffff, 0x00ed);
	CHECK_EQ(read32(edu), EDU_ID);
}

static void case_end(void)
{
	const char *mode = guest_arg("mode");

	if (mode == NULL || strcmp(mode, "loop") != 0) {
		return;
	}
	print("LOOP");
	write64(EDU_DMA_SRC, EDU_BUFFER);
	write64(EDU_DMA_DST, (uint64_t)pages[1]);
	write64(EDU_DMA_COUNT, DMA_SIZE);
	write64(EDU_DMA_CMD, DMA_START | DMA_TO_RAM | DMA_IRQ);
	write32(EDU_RAISE, 1);
	shutdown(SHUTDOWN_REBOOT);
}

const struct guest_case guest_cases[] = {
	{ "tree", case_tree }, { "config", case_config }, { "registers", case_registers },
	{ "intx", case_intx }, { "level", case_level }, { "wait", case_wait },
	{ "mask", case_mask }, { "route", case_route }, { "dma", case_dma },
	{ "balloon", case_balloon }, { "others", case_others }, { "arguments", case_arguments },
	{ "end", case_end },
	{ NULL, NULL },
};
