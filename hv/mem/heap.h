/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small objects of the hypervisor. Memory is zeroed and aligned to 16 bytes.
 * Locking: LOCK_HEAP inside.
 */
#ifndef MEM_HEAP_H
#define MEM_HEAP_H

#include "lib/types.h"

/* NULL if there is no memory or size is 0 or above 4 MiB. */
void *heap_alloc(size_t size);
/* NULL is allowed. */
void heap_free(void *p);
/* Bytes of frames that the heap holds. */
size_t heap_size(void);
/* Objects in use. */
size_t heap_object_count(void);

#endif
