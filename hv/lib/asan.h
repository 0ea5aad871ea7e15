/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tell AddressSanitizer about memory that an allocator of ours holds back.
 * Builds without the sanitizer, so all but the host port's, do nothing.
 */
#ifndef LIB_ASAN_H
#define LIB_ASAN_H

#include "lib/types.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define ASAN_ON
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define ASAN_ON
#endif

#ifdef ASAN_ON
void __asan_poison_memory_region(const volatile void *p, size_t n);
void __asan_unpoison_memory_region(const volatile void *p, size_t n);
int __asan_address_is_poisoned(const volatile void *p);

static inline void asan_poison(const void *p, size_t n)
{
	__asan_poison_memory_region(p, n);
}

static inline void asan_unpoison(const void *p, size_t n)
{
	__asan_unpoison_memory_region(p, n);
}

static inline bool asan_is_poisoned(const void *p)
{
	return __asan_address_is_poisoned(p) != 0;
}
#else
static inline void asan_poison(const void *p, size_t n)
{
	(void)p;
	(void)n;
}

static inline void asan_unpoison(const void *p, size_t n)
{
	(void)p;
	(void)n;
}

static inline bool asan_is_poisoned(const void *p)
{
	(void)p;
	return false;
}
#endif

#endif
