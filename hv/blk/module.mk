# SPDX-License-Identifier: Apache-2.0
core-y += hv/blk/volume.c hv/blk/blkback.c hv/blk/blkback_queue.c hv/blk/blkback_ring.c
core-y += hv/blk/aoe.c hv/blk/aoe_io.c hv/blk/aoe_wire.c
core-y += hv/blk/dd.c hv/blk/dd_io.c hv/blk/dd_store.c
