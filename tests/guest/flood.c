/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floods the switch from vif 0 with frames as fast as it takes them, from half a
 * minute after its start on. On its command line "flood=TYPE" is the frames'
 * EtherType in hexadecimal digits, "flood_to=MAC" where they go, 12 digits. Of the
 * management protocol (88b5) they are what costs a node most: discovery, sessions
 * to be opened, requests in sessions that are not there, junk.
 */
#include "lib/guest.h"
#include "lib/nic.h"
#include "lib/xen.h"

const char guest_name[] = "flood";

#define BURST	64U
#define PACKET	64U
#define START_US 30000000UL

static uint64_t hex_arg(const char *key)
{
	const char *text = guest_arg(key);
	uint64_t value = 0;

	for (; text != NULL && *text != '\0'; text++) {
		unsigned int c = (unsigned int)*text;

		value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

/* Packet `number`: version 1, a kind, its length, then what differs each time. */
static void packet_make(uint8_t *p, uint32_t number)
{
	static const uint8_t kinds[] = { 1, 3, 6, 6, 9 };

	memset(p, 0, PACKET * 4);
	p[0] = 1;
	p[1] = kinds[number % COUNT(kinds)];
	p[3] = PACKET * 3;
	memcpy(p + 4, &number, sizeof(number));
	memcpy(p + 16 + 16, &number, sizeof(number));
}

static void burst(struct nic *n, const uint8_t *to, uint16_t type)
{
	static uint32_t number;

	for (unsigned int i = 0; i < BURST; i++) {
		/* Each has a place of its own in the page. */
		uint8_t *frame = n->frame;
		uint16_t at = (uint16_t)((i % 8) * 512);

		n->frame += at;
		frame_make(n, to, type, 0);
		packet_make(n->frame + 14, ++number);
		n->frame = frame;
		tx_slot(n, at, 256, 0);
	}
	tx_push(n);
}

static void on_timer(unsigned int intid)
{
	(void)intid;
	timer_stop();
}

/* Others start meanwhile, as if this VM weren't there. */
static void sleep_us(uint64_t us)
{
	uint64_t end = now_us() + us;

	irq_set(IRQ_TIMER, on_timer);
	irq_enable();
	while (now_us() < end) {
		timer_set_us(100000);
		wfi();
	}
	irq_disable();
}

static void case_flood(void)
{
	uint16_t type = (uint16_t)hex_arg("flood");
	uint64_t mac = hex_arg("flood_to");
	uint8_t to[6];

	sleep_us(START_US);
	for (unsigned int i = 0; i < 6; i++) {
		to[i] = (uint8_t)(mac >> (40 - 8 * i));
	}
	xen_init();
	grant_init();
	xs_init();
	if (!nic_init(0)) {
		return;
	}
	print("begins");
	while (!has_failed()) {
		burst(&nics[0], to, type);
		CHECK(WAIT_FOR(nics[0].tx->h.rsp_prod == nics[0].tx_prod, 10000000));
		rx_drain(&nics[0]);
	}
}

const struct guest_case guest_cases[] = {
	{ "flood", case_flood },
	{ NULL, NULL },
};
