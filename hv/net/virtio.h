/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio as its drivers see it: registers in memory, split rings, the network
 * device (OASIS Virtual I/O Device 1.2, sections 2.7, 4.2.2 and 5.1).
 *
 * Everything is little-endian, as both ports are.
 */
#ifndef NET_VIRTIO_H
#define NET_VIRTIO_H

#include <assert.h>

#include "lib/types.h"

/* Registers (4.2.2); 32 bits wide. */
#define VMMIO_MAGIC		0x000U
#define VMMIO_VERSION		0x004U
#define VMMIO_DEVICE_ID		0x008U
#define VMMIO_VENDOR_ID		0x00cU
#define VMMIO_DEVICE_FEATURES	0x010U
#define VMMIO_DEVICE_SEL	0x014U
#define VMMIO_DRIVER_FEATURES	0x020U
#define VMMIO_DRIVER_SEL	0x024U
#define VMMIO_QUEUE_SEL		0x030U
#define VMMIO_QUEUE_MAX		0x034U
#define VMMIO_QUEUE_NUM		0x038U
#define VMMIO_QUEUE_READY	0x044U
#define VMMIO_QUEUE_NOTIFY	0x050U
#define VMMIO_IRQ_STATUS	0x060U
#define VMMIO_IRQ_ACK		0x064U
#define VMMIO_STATUS		0x070U
#define VMMIO_DESC_LOW		0x080U
#define VMMIO_DESC_HIGH		0x084U
#define VMMIO_DRIVER_LOW	0x090U
#define VMMIO_DRIVER_HIGH	0x094U
#define VMMIO_DEVICE_LOW	0x0a0U
#define VMMIO_DEVICE_HIGH	0x0a4U
#define VMMIO_SHM_LEN_LOW	0x0b0U
#define VMMIO_SHM_BASE_HIGH	0x0bcU
#define VMMIO_GENERATION	0x0fcU
#define VMMIO_CONFIG		0x100U

#define VMMIO_MAGIC_VALUE	0x74726976U	/* "virt" */
#define VIRTIO_ID_NET		1U

#define VMMIO_IRQ_RING		0x1U
#define VMMIO_IRQ_CONFIG	0x2U

/* Device status (2.1). */
#define VIRTIO_ACKNOWLEDGE	0x01U
#define VIRTIO_DRIVER		0x02U
#define VIRTIO_DRIVER_OK	0x04U
#define VIRTIO_FEATURES_OK	0x08U
#define VIRTIO_NEEDS_RESET	0x40U
#define VIRTIO_FAILED		0x80U

/* Features, as bits of one number (6, 5.1.3). */
#define VIRTIO_F_EVENT_IDX	(1ULL << 29)
#define VIRTIO_F_VERSION_1	(1ULL << 32)
#define VNET_F_CSUM		(1ULL << 0)
#define VNET_F_GUEST_CSUM	(1ULL << 1)
#define VNET_F_GUEST_OFFLOADS	(1ULL << 2)
#define VNET_F_MTU		(1ULL << 3)
#define VNET_F_MAC		(1ULL << 5)
#define VNET_F_GUEST_TSO4	(1ULL << 7)
#define VNET_F_GUEST_TSO6	(1ULL << 8)
#define VNET_F_HOST_TSO4	(1ULL << 11)
#define VNET_F_HOST_TSO6	(1ULL << 12)
#define VNET_F_MRG_RXBUF	(1ULL << 15)
#define VNET_F_STATUS		(1ULL << 16)
#define VNET_F_CTRL_VQ		(1ULL << 17)
/* Those that a driver may turn off and on while it runs. */
#define VNET_OFFLOADS		(VNET_F_GUEST_CSUM | VNET_F_GUEST_TSO4 | VNET_F_GUEST_TSO6)

/* Split rings (2.7). */
#define VRING_DESC_NEXT		0x1U
#define VRING_DESC_WRITE	0x2U
#define VRING_DESC_INDIRECT	0x4U
#define VRING_NO_INTERRUPT	0x1U	/* avail.flags, without event indices */
#define VRING_NO_NOTIFY		0x1U	/* used.flags */

struct vring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* Before each frame (5.1.6). */
struct vnet_header {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t header_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t buffers;		/* of a frame to the driver */
};

#define VNET_HDR_CSUM		0x1U
#define VNET_HDR_VALID		0x2U
#define VNET_HDR_GSO_NONE	0U
#define VNET_HDR_GSO_TCPV4	1U
#define VNET_HDR_GSO_TCPV6	4U
#define VNET_HDR_GSO_ECN	0x80U

/* Configuration (5.1.4) and its one status bit that is used here. */
struct vnet_config {
	uint8_t mac[6];
	uint16_t status;
	uint16_t max_pairs;
	uint16_t mtu;
};

#define VNET_LINK_UP		1U

/* Commands (5.1.6.5). */
#define VNET_CTRL_OFFLOADS	5U
#define VNET_CTRL_OFFLOADS_SET	0U
#define VNET_CTRL_OK		0U
#define VNET_CTRL_ERROR		1U

static_assert(sizeof(struct vring_desc) == 16, "2.7.5");
static_assert(sizeof(struct vnet_header) == 12, "5.1.6");
static_assert(sizeof(struct vnet_config) == 12, "5.1.4");

#endif
