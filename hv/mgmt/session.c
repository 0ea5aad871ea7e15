/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions. See mgmt/session.h.
 */
#include "mgmt/session.h"

#include "kern/random.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "mgmt/mgmt_port.h"
#include <arch/cpu.h>

static struct session *sessions[SESSION_MAX];

struct session *session_at(unsigned int n)
{
	return n < SESSION_MAX ? sessions[n] : NULL;
}

struct session *session_find(uint32_t id, uint64_t mac)
{
	for (unsigned int i = 0; i < SESSION_MAX; i++) {
		struct session *s = sessions[i];

		if (s != NULL && s->id == id) {
			return s->mac == mac ? s : NULL;
		}
	}
	return NULL;
}

struct session *session_find_nonce(uint64_t mac, const uint8_t nonce[MV_NONCE_LEN])
{
	for (unsigned int i = 0; i < SESSION_MAX; i++) {
		struct session *s = sessions[i];

		if (s != NULL && s->mac == mac && memcmp(s->nonce, nonce, MV_NONCE_LEN) == 0) {
			return s;
		}
	}
	return NULL;
}

unsigned int session_count(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < SESSION_MAX; i++) {
		n += sessions[i] != NULL;
	}
	return n;
}

void session_end(struct session *s)
{
	for (unsigned int i = 0; i < SESSION_MAX; i++) {
		if (sessions[i] == s) {
			sessions[i] = NULL;
		}
	}
	heap_free(s->blob.data);
	/* Its keys, too. */
	memset(s, 0, sizeof(*s));
	heap_free(s);
}

/*
 * A place for one more: free, or that of the session that was idle the longest
 * (of this MAC's if it has all that it may). One that never sent a valid
 * packet goes first. SESSION_MAX: there is none.
 */
static unsigned int place_for(uint64_t mac)
{
	unsigned int own = 0, oldest = SESSION_MAX, free = SESSION_MAX;
	bool only_own;

	for (unsigned int i = 0; i < SESSION_MAX; i++) {
		if (sessions[i] == NULL) {
			free = i;
		} else {
			own += sessions[i]->mac == mac;
		}
	}
	only_own = own >= SESSION_PER_MAC;
	if (free != SESSION_MAX && !only_own) {
		return free;
	}
	for (unsigned int i = 0; i < SESSION_MAX; i++) {
		const struct session *s = sessions[i];
		const struct session *o = oldest < SESSION_MAX ? sessions[oldest] : NULL;

		if (s == NULL || (only_own && s->mac != mac) ||
		    arch_now() - s->used_ns < SESSION_EVICT_NS) {
			continue;
		}
		if (o == NULL || s->confirmed < o->confirmed ||
		    (s->confirmed == o->confirmed && s->used_ns < o->used_ns)) {
			oldest = i;
		}
	}
	return oldest;
}

struct session *session_new(uint64_t mac, bool confirmed)
{
	unsigned int place = place_for(mac);
	struct session *s;

	if (place == SESSION_MAX) {
		return NULL;
	}
	s = heap_alloc(sizeof(*s));
	if (s == NULL) {
		return NULL;
	}
	if (sessions[place] != NULL) {
		mgmt_count(MGMT_EVICTED);
		session_end(sessions[place]);
	}
	do {
		s->id = (uint32_t)random_u64();
	} while (s->id == 0 || session_find(s->id, mac) != NULL);
	s->mac = mac;
	s->used_ns = arch_now();
	s->confirmed = confirmed;
	sessions[place] = s;
	mgmt_count(MGMT_OPENED);
	return s;
}

bool session_expire(void)
{
	bool any = false;

	for (unsigned int i = 0; i < SESSION_MAX; i++) {
		struct session *s = sessions[i];

		if (s == NULL) {
			continue;
		}
		if (arch_now() - s->used_ns >= SESSION_IDLE_NS) {
			session_end(s);
		} else {
			any = true;
		}
	}
	return any;
}

const struct session_reply *session_kept(const struct session *s, uint32_t id, bool *stale)
{
	const struct session_reply *r = &s->kept[id % MV_CHANGE_WINDOW];

	*stale = false;
	if (r->id == id) {
		return r;
	}
	*stale = id + (uint64_t)MV_CHANGE_WINDOW <= s->newest;
	return NULL;
}

void session_keep(struct session *s, uint32_t id, uint16_t verb, uint16_t status,
		  const void *body, size_t size)
{
	struct session_reply *r = &s->kept[id % MV_CHANGE_WINDOW];

	r->id = id;
	r->verb = verb;
	r->status = status;
	r->size = (uint16_t)MIN(size, sizeof(r->body));
	memcpy(r->body, body, r->size);
	s->newest = MAX(s->newest, id);
}
