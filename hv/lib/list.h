/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intrusive doubly linked list. A list head and a member are the same type;
 * an empty list and an unlinked member point to themselves.
 * Locking: the caller's.
 */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include "lib/types.h"

struct list {
	struct list *next;
	struct list *prev;
};

#define LIST_INIT(name) { .next = &(name), .prev = &(name) }

static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Insert `item` before `pos`; before the head means at the end. */
static inline void list_insert_before(struct list *pos, struct list *item)
{
	item->next = pos;
	item->prev = pos->prev;
	pos->prev->next = item;
	pos->prev = item;
}

static inline void list_push_back(struct list *head, struct list *item)
{
	list_insert_before(head, item);
}

static inline void list_push_front(struct list *head, struct list *item)
{
	list_insert_before(head->next, item);
}

/* Unlink; harmless for a member that is not in a list. */
static inline void list_remove(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

/* The first member, unlinked, or NULL. */
static inline struct list *list_pop_front(struct list *head)
{
	struct list *item = head->next;

	if (item == head) {
		return NULL;
	}
	list_remove(item);
	return item;
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)

#define list_for_each(it, head, member)					      \
	for ((it) = list_entry((head)->next, __typeof__(*(it)), member);     \
	     &(it)->member != (head);					      \
	     (it) = list_entry((it)->member.next, __typeof__(*(it)), member))

/* As above; `it` may be removed (and freed) in the body. */
#define list_for_each_safe(it, tmp, head, member)			      \
	for ((it) = list_entry((head)->next, __typeof__(*(it)), member),     \
	    (tmp) = list_entry((it)->member.next, __typeof__(*(it)), member); \
	     &(it)->member != (head);					      \
	     (it) = (tmp), (tmp) = list_entry((it)->member.next,	      \
					      __typeof__(*(it)), member))

#endif
