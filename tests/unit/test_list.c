/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/list.
 */
#include "unit/unit.h"

#include "lib/list.h"

struct item {
	unsigned int value;
	struct list node;
};

/* The list's values as digits of one number, read forwards. */
static unsigned int forwards(struct list *head)
{
	unsigned int n = 0;
	struct item *it;

	list_for_each(it, head, node) {
		n = n * 10 + it->value;
	}
	return n;
}

static unsigned int backwards(struct list *head)
{
	unsigned int n = 0;

	for (struct list *l = head->prev; l != head; l = l->prev) {
		n = n * 10 + list_entry(l, struct item, node)->value;
	}
	return n;
}

static void test_push_and_order(void **state)
{
	struct list head = LIST_INIT(head);
	struct item a = { .value = 1 }, b = { .value = 2 }, c = { .value = 3 };

	assert_true(list_empty(&head));
	assert_int_equal(forwards(&head), 0);
	list_push_back(&head, &b.node);
	list_push_back(&head, &c.node);
	list_push_front(&head, &a.node);
	assert_false(list_empty(&head));
	assert_int_equal(forwards(&head), 123);
	assert_int_equal(backwards(&head), 321);
}

static void test_insert_before(void **state)
{
	struct list head = LIST_INIT(head);
	struct item a = { .value = 1 }, b = { .value = 2 }, c = { .value = 3 };

	list_insert_before(&head, &a.node);
	list_insert_before(&head, &c.node);
	list_insert_before(&c.node, &b.node);
	assert_int_equal(forwards(&head), 123);
	assert_int_equal(backwards(&head), 321);
}

static void test_remove(void **state)
{
	struct list head = LIST_INIT(head);
	struct item a = { .value = 1 }, b = { .value = 2 }, c = { .value = 3 };

	list_push_back(&head, &a.node);
	list_push_back(&head, &b.node);
	list_push_back(&head, &c.node);
	list_remove(&b.node);
	assert_int_equal(forwards(&head), 13);
	assert_int_equal(backwards(&head), 31);
	assert_true(list_empty(&b.node));
	/* A second time is harmless. */
	list_remove(&b.node);
	assert_int_equal(forwards(&head), 13);
	list_remove(&a.node);
	list_remove(&c.node);
	assert_true(list_empty(&head));
}

static void test_pop_front(void **state)
{
	struct list head = LIST_INIT(head);
	struct item a = { .value = 1 }, b = { .value = 2 };

	assert_null(list_pop_front(&head));
	list_push_back(&head, &a.node);
	list_push_back(&head, &b.node);
	assert_ptr_equal(list_pop_front(&head), &a.node);
	assert_true(list_empty(&a.node));
	assert_ptr_equal(list_pop_front(&head), &b.node);
	assert_null(list_pop_front(&head));
}

static void test_safe_walk_may_remove(void **state)
{
	struct list head = LIST_INIT(head);
	struct item items[9];
	struct item *it, *tmp;

	for (unsigned int i = 0; i < ARRAY_SIZE(items); i++) {
		items[i].value = i + 1;
		list_push_back(&head, &items[i].node);
	}
	list_for_each_safe(it, tmp, &head, node) {
		if (it->value % 2 == 0) {
			list_remove(&it->node);
		}
	}
	assert_int_equal(forwards(&head), 13579);
	assert_int_equal(backwards(&head), 97531);
	list_for_each_safe(it, tmp, &head, node) {
		list_remove(&it->node);
	}
	assert_true(list_empty(&head));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_push_and_order),
		cmocka_unit_test(test_insert_before),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_pop_front),
		cmocka_unit_test(test_safe_walk_may_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
