/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network device's rings as guests see them (Xen public headers
 * io/ring.h and io/netif.h). Each ring is one page: indices, then the entries;
 * a response takes the place of a request.
 */
#ifndef NET_NETIF_H
#define NET_NETIF_H

#include <assert.h>
#include <stdatomic.h>

#include "lib/types.h"

#define NETIF_RING_SIZE		256U
#define NETIF_RING_MASK		(NETIF_RING_SIZE - 1)

/* Flags of frames from the guest .. */
#define NETIF_TXF_CSUM_BLANK	0x1U
#define NETIF_TXF_VALIDATED	0x2U
#define NETIF_TXF_MORE		0x4U
#define NETIF_TXF_EXTRA		0x8U
/* .. and, not the same, to the guest. */
#define NETIF_RXF_VALIDATED	0x1U
#define NETIF_RXF_CSUM_BLANK	0x2U
#define NETIF_RXF_MORE		0x4U
#define NETIF_RXF_EXTRA		0x8U

#define NETIF_EXTRA_GSO		1U
#define NETIF_EXTRA_TYPE_MAX	5U
#define NETIF_EXTRAF_MORE	0x1U

#define NETIF_OKAY		0
#define NETIF_ERROR		(-1)
#define NETIF_NULL		1	/* the answer to an extra slot */

struct netif_indices {
	_Atomic uint32_t req_prod;	/* by the guest */
	_Atomic uint32_t req_event;	/* by us: notify when req_prod gets there */
	_Atomic uint32_t rsp_prod;	/* by us */
	_Atomic uint32_t rsp_event;	/* by the guest */
	uint8_t pad[48];
};

/*
 * Entries are read and written as whole words, so that each is loaded once.
 *
 * Request of a frame from the guest, three words: grant reference; offset in
 * the page and flags; id and size (in the first slot: of the whole frame).
 */
struct netif_tx_request {
	uint32_t gref;
	uint16_t offset;
	uint16_t flags;
	uint16_t id;
	uint16_t size;
};

/* The answer, first word of the slot. */
static inline uint32_t netif_tx_response(uint16_t id, int16_t status)
{
	return id | (uint32_t)(uint16_t)status << 16;
}

/* An extra slot (io/netif.h: 8 bytes): type, flags, then 6 bytes. */
struct netif_extra {
	uint8_t type;
	uint8_t flags;
	uint16_t mss;		/* GSO */
	uint8_t gso_type;
};

static inline struct netif_extra netif_extra_get(uint32_t w0, uint32_t w1)
{
	return (struct netif_extra){
		.type = (uint8_t)w0, .flags = (uint8_t)(w0 >> 8),
		.mss = (uint16_t)(w0 >> 16), .gso_type = (uint8_t)w1,
	};
}

/* A GSO slot for the guest. */
static inline uint64_t netif_extra_gso(uint16_t mss, unsigned int gso_type)
{
	return NETIF_EXTRA_GSO | (uint64_t)mss << 16 | (uint64_t)gso_type << 32;
}

/* A buffer that the guest posted: id, 2 bytes of padding, grant reference. */
static inline uint16_t netif_rx_id(uint64_t request)
{
	return (uint16_t)request;
}

static inline uint32_t netif_rx_gref(uint64_t request)
{
	return (uint32_t)(request >> 32);
}

/* The answer: id, offset 0, flags, bytes or NETIF_ERROR. */
static inline uint64_t netif_rx_response(uint16_t id, unsigned int flags, int16_t status)
{
	return id | (uint64_t)(flags & 0xffff) << 32 | (uint64_t)(uint16_t)status << 48;
}

struct netif_tx_ring {
	struct netif_indices i;
	uint32_t slot[NETIF_RING_SIZE][3];
};

struct netif_rx_ring {
	struct netif_indices i;
	uint64_t slot[NETIF_RING_SIZE];
};

static_assert(sizeof(struct netif_indices) == 64, "ring entries begin at 64");
static_assert(sizeof(struct netif_tx_request) == 12, "io/netif.h");
static_assert(sizeof(struct netif_tx_ring) <= PAGE_SIZE, "one page");
static_assert(sizeof(struct netif_rx_ring) <= PAGE_SIZE, "one page");

#endif
