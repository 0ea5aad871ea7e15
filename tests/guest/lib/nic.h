/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network front end for test guests: two interfaces, rings of the guest's own,
 * one page to send from. Functions fail() when the other side does not do as it
 * must.
 */
#ifndef NIC_H
#define NIC_H

#include "guest.h"

#define SLOTS		256U
#define BUFFERS		32U
#define GREF_BASE	16U
#define GREFS		64U		/* of each interface */

#define TX_CSUM_BLANK	1U
#define TX_MORE		4U
#define TX_EXTRA	8U

struct tx_request {
	uint32_t gref;
	uint16_t offset, flags, id, size;
};

struct tx_extra {
	uint8_t type, flags;
	uint16_t mss;
	uint8_t gso_type, pad;
	uint16_t features;
	uint32_t rest;
};

union tx_slot {
	struct tx_request req;
	struct tx_extra extra;
	struct {
		uint16_t id;
		int16_t status;
	} rsp;
};

union rx_slot {
	struct {
		uint16_t id, pad;
		uint32_t gref;
	} req;
	struct {
		uint16_t id, offset, flags;
		int16_t status;
	} rsp;
};

struct ring_head {
	volatile uint32_t req_prod, req_event, rsp_prod, rsp_event;
	uint32_t pad[12];
};

struct tx_ring {
	struct ring_head h;
	union tx_slot slot[SLOTS];
};

struct rx_ring {
	struct ring_head h;
	union rx_slot slot[SLOTS];
};

struct nic {
	unsigned int id;
	struct tx_ring *tx;
	struct rx_ring *rx;
	uint8_t *frame;			/* a page to send from */
	uint8_t *buffers;		/* BUFFERS pages */
	uint32_t port;
	uint32_t tx_prod, rx_seen;
	bool no_buffers;
	char back[64];
	uint8_t mac[6];
};

extern struct nic nics[2];

/* Connect interface `id`; xen_init(), grant_init() and xs_init() come before. */
bool nic_init(unsigned int id);
bool nic_connect(struct nic *n);
void nic_close(struct nic *n);

/* Paths of the two ends in XenStore. */
char *path_of(const char *dir, unsigned int id, const char *leaf);
#define FRONT(nic, leaf)	path_of("device/vif/", (nic)->id, leaf)
#define BACK(nic, leaf)		path_of((nic)->back, UINT32_MAX, leaf)

void put_key(struct nic *n, const char *leaf, uint32_t value);
void remove_key(struct nic *n, const char *leaf);
unsigned int gref(struct nic *n, unsigned int i);
bool back_is(struct nic *n, unsigned int state);
void rings_reset(struct nic *n);

/* The next request, with the grant of the page; published by tx_push(). */
struct tx_request *tx_next(struct nic *n);
void tx_slot(struct nic *n, uint16_t offset, uint16_t size, uint16_t flags);
void tx_extra(struct nic *n, uint8_t type, uint8_t flags, uint16_t mss, uint8_t gso);
void tx_push(struct nic *n);
/* All that was sent is answered within 100 ms. */
bool tx_done(struct nic *n);

/* An Ethernet frame with a number in it, in n's sending page. */
void frame_make(struct nic *n, const uint8_t *to, uint16_t type, uint32_t number);
/* Take one frame that came; whether it has `number` at its place. */
bool rx_take(struct nic *n, uint32_t number);
/* A frame with `number` comes within 100 ms. */
bool rx_wait(struct nic *n, uint32_t number);
void rx_drain(struct nic *n);

#endif
