# SPDX-License-Identifier: Apache-2.0
core-y += hv/net/port.c hv/net/fdb.c hv/net/vlan.c hv/net/switch.c hv/net/csum.c \
	hv/net/offload.c hv/net/netback.c hv/net/netback_queue.c hv/net/netback_tx.c \
	hv/net/netback_rx.c hv/net/vif.c
core-y += hv/net/capture.c hv/net/merge.c
core-y += hv/net/virtio_mmio.c hv/net/vring.c hv/net/vnet.c hv/net/vnet_tx.c hv/net/vnet_rx.c
