/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mvctl: the window of a push against a node and a wire that are modelled:
 * frames are lost, doubled and reordered, and all chunks arrive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/window.h"

#define CHUNKS	3000U
#define ASK	8U

struct packet {
	uint32_t id, chunk;
	bool ask;
};

struct model {
	bool there[CHUNKS];
	uint32_t have;
	struct packet late;	/* overtaken by the next one */
	struct mv_image_ack ack;
	uint32_t ack_id;	/* 0: no answer came through */
	unsigned int loss, reorder;
	uint32_t seed;
};

static unsigned int below(struct model *m, unsigned int limit)
{
	m->seed = m->seed * 1664525 + 1013904223;
	return (m->seed >> 8) % limit;
}

static void answer(struct model *m, uint32_t id)
{
	uint64_t bytes = (uint64_t)m->have * MV_CHUNK;

	memset(&m->ack, 0, sizeof(m->ack));
	m->ack.have = mv_put64(bytes);
	for (unsigned int n = 0; n < MV_ACK_CHUNKS; n++) {
		if (m->have + n < CHUNKS && m->there[m->have + n]) {
			m->ack.more[n / 8] |= (uint8_t)(1U << (n % 8));
		}
	}
	m->ack_id = below(m, 100) < m->loss ? 0 : id;
}

static void arrive(struct model *m, const struct packet *p)
{
	m->there[p->chunk] = true;
	while (m->have < CHUNKS && m->there[m->have]) {
		m->have++;
	}
	if (p->ask) {
		answer(m, p->id);
	}
}

static void carry(struct model *m, const struct packet *p)
{
	struct packet late = m->late;

	m->late.id = 0;
	if (below(m, 100) < m->loss) {
		/* gone */
	} else if (late.id == 0 && below(m, 100) < m->reorder) {
		m->late = *p;
	} else {
		arrive(m, p);
	}
	if (late.id != 0) {
		arrive(m, &late);
	}
}

/* A push from beginning to end; the number of packets it took. */
static uint64_t push(struct model *m, struct window *w)
{
	uint32_t id = 0, chunk;

	window_init(w, CHUNKS);
	answer(m, 0);
	assert_true(window_answer(w, &m->ack, 0));
	while (w->have < CHUNKS) {
		bool more = window_next(w, &chunk);

		m->ack_id = 0;
		while (more) {
			struct packet p = { .id = ++id, .chunk = chunk };

			window_sent(w, chunk, id);
			more = window_next(w, &chunk);
			p.ask = !more || id % ASK == 0;
			carry(m, &p);
			assert_true(w->in_flight <= w->width);
			if (m->ack_id != 0) {
				break;
			}
		}
		if (m->ack_id != 0) {
			assert_true(window_answer(w, &m->ack, m->ack_id));
		} else {
			window_timeout(w);
		}
		assert_true(w->width >= WINDOW_MIN && w->width <= WINDOW_MAX);
		assert_true(w->sent < 20 * CHUNKS);
	}
	assert_int_equal(m->have, CHUNKS);
	return w->sent;
}

static void test_no_loss_sends_each_chunk_once(void **state)
{
	static struct model m;
	struct window w;

	(void)state;
	assert_int_equal(push(&m, &w), CHUNKS);
	assert_int_equal(w.resent, 0);
	assert_int_equal(w.width, WINDOW_MAX);
}

static void test_reordering_alone_is_no_loss(void **state)
{
	static struct model m = { .reorder = 40, .seed = 5 };
	struct window w;

	(void)state;
	push(&m, &w);
	/* Only what was kept back at the end of a burst may be sent twice. */
	assert_true(w.resent < CHUNKS / 100);
}

static void test_a_fifth_lost(void **state)
{
	static struct model m = { .loss = 20, .reorder = 20, .seed = 9 };
	struct window w;

	(void)state;
	assert_true(push(&m, &w) < 2 * CHUNKS);
}

static void test_resume_sends_the_rest_only(void **state)
{
	static struct model m;
	struct window w;

	(void)state;
	for (unsigned int i = 0; i < CHUNKS; i++) {
		m.there[i] = i < 2000 || (i >= 2050 && i < 2100);
	}
	m.have = 2000;
	assert_int_equal(push(&m, &w), CHUNKS - 2050);
}

static void test_answers_that_cannot_be(void **state)
{
	struct mv_image_ack ack;
	struct window w;
	uint32_t chunk;

	(void)state;
	memset(&ack, 0, sizeof(ack));
	window_init(&w, 10);
	ack.have = mv_put64(11 * MV_CHUNK);
	assert_false(window_answer(&w, &ack, 1));
	ack.have = mv_put64(UINT64_MAX);
	assert_false(window_answer(&w, &ack, 1));
	ack.have = mv_put64(2 * MV_CHUNK + 1);
	assert_false(window_answer(&w, &ack, 1));
	ack.have = mv_put64(3 * MV_CHUNK);
	assert_true(window_answer(&w, &ack, 1));
	ack.have = mv_put64(1 * MV_CHUNK);	/* an old one: no way back */
	assert_true(window_answer(&w, &ack, 2));
	assert_true(window_next(&w, &chunk));
	assert_int_equal(chunk, 3);
}

/* Two operators push the same image: the node is ahead of what we sent. */
static void test_others_push_it_too(void **state)
{
	struct mv_image_ack ack;
	struct window w;
	uint32_t chunk;

	(void)state;
	memset(&ack, 0, sizeof(ack));
	window_init(&w, 1000);
	while (window_next(&w, &chunk)) {
		window_sent(&w, chunk, chunk + 1);
	}
	assert_int_equal(w.in_flight, WINDOW_START);
	ack.have = mv_put64(600 * MV_CHUNK);
	ack.more[0] = 2;
	assert_true(window_answer(&w, &ack, 5));
	assert_int_equal(w.in_flight, 0);
	assert_true(window_next(&w, &chunk));
	assert_int_equal(chunk, 600);
	window_sent(&w, chunk, 100);
	assert_true(window_next(&w, &chunk));
	assert_int_equal(chunk, 602);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_loss_sends_each_chunk_once),
		cmocka_unit_test(test_reordering_alone_is_no_loss),
		cmocka_unit_test(test_a_fifth_lost),
		cmocka_unit_test(test_resume_sends_the_rest_only),
		cmocka_unit_test(test_answers_that_cannot_be),
		cmocka_unit_test(test_others_push_it_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
