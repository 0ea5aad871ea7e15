/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The window of a push.
 */
#include "client/window.h"

#include <string.h>

void window_init(struct window *w, uint32_t chunks)
{
	memset(w, 0, sizeof(*w));
	w->chunks = chunks;
	w->width = WINDOW_START;
}

static unsigned int slot(uint32_t chunk)
{
	return chunk % WINDOW_MAX;
}

static uint32_t window_end(const struct window *w)
{
	return w->chunks - w->have < WINDOW_MAX ? w->chunks :
		w->have + WINDOW_MAX;
}

static void arrived(struct window *w, uint32_t chunk)
{
	unsigned int i = slot(chunk);

	if (!w->there[i]) {
		if (w->sent_id[i] != 0) {
			w->in_flight--;
		}
		w->there[i] = true;
		w->sent_id[i] = 0;
	}
}

/* The node may have more than we sent: others push the same image. */
static void move_on(struct window *w, uint32_t have)
{
	if (have - w->have >= WINDOW_MAX) {
		memset(w->sent_id, 0, sizeof(w->sent_id));
		memset(w->there, 0, sizeof(w->there));
		w->in_flight = 0;
		w->have = have;
	}
	while (w->have < have) {
		arrived(w, w->have);
		w->there[slot(w->have)] = false;
		w->have++;
	}
}

static void halve(struct window *w)
{
	w->width = w->width / 2 > WINDOW_MIN ? w->width / 2 : WINDOW_MIN;
	w->calm_id = w->newest_id + 1;
}

/* What was sent well before `id` and isn't there is lost. */
static bool find_lost(struct window *w, uint32_t id)
{
	bool lost = false;

	for (uint32_t c = w->have; c < window_end(w); c++) {
		unsigned int i = slot(c);

		if (w->there[i] || w->sent_id[i] == 0 ||
		    w->sent_id[i] + WINDOW_REORDER > id) {
			continue;
		}
		lost = lost || w->sent_id[i] >= w->calm_id;
		w->sent_id[i] = 0;
		w->in_flight--;
		w->resent++;
	}
	return lost;
}

bool window_answer(struct window *w, const struct mv_image_ack *ack,
		   uint32_t id)
{
	uint64_t bytes = mv_get64(ack->have);
	uint64_t have = (bytes + MV_CHUNK - 1) / MV_CHUNK;

	if (have > w->chunks || (bytes % MV_CHUNK != 0 && have != w->chunks)) {
		return false;
	}
	if (have < w->have) {		/* overtaken by a later one */
		return true;
	}
	move_on(w, (uint32_t)have);
	for (uint32_t n = 0; n < WINDOW_MAX && w->have + n < w->chunks; n++) {
		if ((ack->more[n / 8] >> (n % 8) & 1) != 0) {
			arrived(w, w->have + n);
		}
	}
	if (id != 0 && find_lost(w, id)) {
		halve(w);
	} else if (id != 0 && w->width < WINDOW_MAX) {
		w->width++;
	}
	return true;
}

bool window_next(struct window *w, uint32_t *chunk)
{
	if (w->in_flight >= w->width) {
		return false;
	}
	for (uint32_t c = w->have; c < window_end(w); c++) {
		if (!w->there[slot(c)] && w->sent_id[slot(c)] == 0) {
			*chunk = c;
			return true;
		}
	}
	return false;
}

void window_sent(struct window *w, uint32_t chunk, uint32_t id)
{
	w->sent_id[slot(chunk)] = id;
	w->newest_id = id;
	w->in_flight++;
	w->sent++;
}

void window_timeout(struct window *w)
{
	for (unsigned int i = 0; i < WINDOW_MAX; i++) {
		if (w->sent_id[i] != 0) {
			w->resent++;
		}
		w->sent_id[i] = 0;
	}
	w->in_flight = 0;
	halve(w);
}
