# SPDX-License-Identifier: Apache-2.0
core-y += hv/xenstore/xs_api.c hv/xenstore/xs_conn.c hv/xenstore/xs_perm.c
core-y += hv/xenstore/xs_quota.c hv/xenstore/xs_ring.c hv/xenstore/xs_tree.c
core-y += hv/xenstore/xs_txn.c hv/xenstore/xs_view.c hv/xenstore/xs_watch.c
core-y += hv/xenstore/xs_wire.c hv/xenstore/xenbus.c
