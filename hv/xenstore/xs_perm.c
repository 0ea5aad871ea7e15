/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Permissions of nodes: who may do what, and their text form.
 *
 * Locking: xs_lock. No state.
 */
#include "lib/fmt.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "xenstore/xs_internal.h"

#define DOMID_FIRST_RESERVED 0x7ff0U

static const char letters[4] = { 'n', 'r', 'w', 'b' };

unsigned int perm_of(const struct xs_domain *d, const struct xs_perm *perms,
		     size_t count)
{
	if (xs_dom_priv(d) || perms[0].domid == d->id) {
		return XSP_BOTH | XSP_OWNER;
	}
	for (size_t i = 1; i < count; i++) {
		if (perms[i].domid == d->id && !perms[i].stale) {
			return perms[i].access;
		}
	}
	return perms[0].access;
}

/* As parse_u64(), but plain digits only. */
int decimal_parse(const char *text, size_t len, uint64_t max, uint64_t *out)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return -EINVAL;
		}
	}
	return parse_u64(text, len, max, out);
}

int perm_parse(const char *text, size_t len, struct xs_perm *out)
{
	const char *letter;
	uint64_t domid;

	if (len < 2) {
		return -EINVAL;
	}
	letter = memchr(letters, text[0], sizeof(letters));
	if (!letter) {
		return -EINVAL;
	}
	if (decimal_parse(text + 1, len - 1, DOMID_FIRST_RESERVED - 1,
			  &domid) != 0) {
		return -EINVAL;
	}
	*out = XS_PERM(domid, (uint8_t)(letter - letters));
	return 0;
}

size_t perm_format(const struct xs_perm *p, char *buf)
{
	return fmt_buf(buf, 8, "%c%u", letters[p->access & XSP_BOTH],
		       (unsigned int)p->domid) + 1;
}

bool perm_purge(struct xs_node *n, unsigned int domid)
{
	uint16_t kept = 1;
	bool found;

	for (uint16_t i = 1; i < n->perm_count; i++) {
		if (n->perms[i].domid != domid) {
			n->perms[kept++] = n->perms[i];
		}
	}
	found = kept != n->perm_count;
	n->perm_count = kept;
	return found;
}
