/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accessors for device trees, on top of libfdt.
 */
#include "dev/fdt_lib.h"

#include "lib/bits.h"

/* The parts of a tree: offsets from its start, and lengths. */
struct layout {
	const uint8_t *fdt;
	size_t structs, structs_len;
	size_t strings, strings_len;
};

static bool within(size_t total, size_t off, size_t len)
{
	return off <= total && len <= total - off;
}

/* The header (Devicetree Specification 5.2); versions 17 and up. */
static bool check_header(const void *fdt, size_t size, struct layout *l)
{
	size_t total;

	if (fdt == NULL || ((uintptr_t)fdt & 7) != 0 ||
	    size < sizeof(struct fdt_header) || fdt_magic(fdt) != FDT_MAGIC ||
	    fdt_version(fdt) < 17 || fdt_last_comp_version(fdt) > 17) {
		return false;
	}
	total = fdt_totalsize(fdt);
	*l = (struct layout){
		.fdt = fdt,
		.structs = fdt_off_dt_struct(fdt),
		.structs_len = fdt_size_dt_struct(fdt),
		.strings = fdt_off_dt_strings(fdt),
		.strings_len = fdt_size_dt_strings(fdt),
	};
	return total <= size && total <= INT32_MAX &&
	       l->structs % 4 == 0 && within(total, l->structs, l->structs_len) &&
	       within(total, l->strings, l->strings_len) &&
	       fdt_off_mem_rsvmap(fdt) % 8 == 0;
}

/* The reservations end with a pair of zeros, inside the tree. */
static bool check_reservations(const uint8_t *fdt)
{
	size_t total = fdt_totalsize(fdt);

	for (size_t at = fdt_off_mem_rsvmap(fdt); within(total, at, 16);
	     at += 16) {
		if (get_be64(fdt + at) == 0 && get_be64(fdt + at + 8) == 0) {
			return true;
		}
	}
	return false;
}

/* The property whose header is at *at in the structure block; step past it. */
static bool check_property(const struct layout *l, size_t *at)
{
	const uint8_t *p = l->fdt + l->structs + *at;
	size_t len, name;

	if (!within(l->structs_len, *at, 8)) {
		return false;
	}
	len = get_be32(p);
	name = get_be32(p + 4);
	if (!within(l->structs_len, *at + 8, len) || name >= l->strings_len ||
	    memchr(l->fdt + l->strings + name, '\0',
		   l->strings_len - name) == NULL) {
		return false;
	}
	*at = ALIGN_UP(*at + 8 + len, 4);
	return true;
}

/*
 * Walk the structure block (section 5.4): tokens are known and whole, nodes
 * nest, properties come before subnodes, one root, one end.
 */
static bool check_structure(const struct layout *l)
{
	const uint8_t *p = l->fdt + l->structs;
	bool had_child[FDT_DEPTH_MAX + 1] = { false };
	unsigned int depth = 0;
	size_t at = 0;

	while (within(l->structs_len, at, 4)) {
		uint32_t tag = get_be32(p + at);
		const uint8_t *nul;

		at += 4;
		switch (tag) {
		case FDT_BEGIN_NODE:
			if (depth == FDT_DEPTH_MAX || (depth == 0 && at != 4)) {
				return false;
			}
			had_child[depth++] = true;
			had_child[depth] = false;
			nul = memchr(p + at, '\0', l->structs_len - at);
			if (nul == NULL) {
				return false;
			}
			at = ALIGN_UP((size_t)(nul - p) + 1, 4);
			break;
		case FDT_END_NODE:
			if (depth-- == 0) {
				return false;
			}
			break;
		case FDT_PROP:
			if (depth == 0 || had_child[depth] ||
			    !check_property(l, &at)) {
				return false;
			}
			break;
		case FDT_NOP:
			break;
		case FDT_END:
			return depth == 0 && had_child[0];
		default:
			return false;
		}
	}
	return false;
}

/*
 * Not libfdt's fdt_check_full(): that of release 1.6.1 crashes or loops on
 * some damaged trees, which our fuzzing showed.
 */
int fdt_tree_check(const void *fdt, size_t size)
{
	struct layout l;

	return check_header(fdt, size, &l) && check_reservations(fdt) &&
	       check_structure(&l) ? 0 : -EINVAL;
}

const void *fdt_prop(const void *fdt, int node, const char *name, size_t min,
		     size_t *len)
{
	int n = 0;
	const void *p = fdt_getprop(fdt, node, name, &n);

	if (p == NULL || n < 0) {
		p = NULL;
		n = 0;
	}
	if (len != NULL) {
		*len = (size_t)n;
	}
	return (size_t)n >= min ? p : NULL;
}

const char *fdt_prop_str(const void *fdt, int node, const char *name)
{
	size_t len;
	const char *s = fdt_prop(fdt, node, name, 1, &len);

	return s != NULL && s[len - 1] == '\0' ? s : NULL;
}

/* A number of one cell, or two if `max_cells` is 2. */
static int prop_cells(const void *fdt, int node, const char *name,
		      size_t max_cells, uint64_t *out)
{
	size_t len;
	const void *p = fdt_prop(fdt, node, name, 0, &len);

	if (p == NULL) {
		return -ENOENT;
	}
	if (len == 4) {
		*out = get_be32(p);
		return 0;
	}
	if (len == 8 && max_cells == 2) {
		*out = get_be64(p);
		return 0;
	}
	return -EINVAL;
}

int fdt_prop_u32(const void *fdt, int node, const char *name, uint32_t *out)
{
	uint64_t v;
	int err = prop_cells(fdt, node, name, 1, &v);

	if (err == 0) {
		*out = (uint32_t)v;
	}
	return err;
}

int fdt_prop_number(const void *fdt, int node, const char *name, uint64_t *out)
{
	return prop_cells(fdt, node, name, 2, out);
}

bool fdt_is_compatible(const void *fdt, int node, const char *name)
{
	return fdt_node_check_compatible(fdt, node, name) == 0;
}

bool fdt_is_enabled(const void *fdt, int node)
{
	const char *s;

	if (fdt_prop(fdt, node, "status", 0, NULL) == NULL) {
		return true;
	}
	s = fdt_prop_str(fdt, node, "status");
	return s != NULL && (strcmp(s, "okay") == 0 || strcmp(s, "ok") == 0);
}

/* #address-cells and #size-cells for the children of `node`: 0..2 each. */
static int child_cells(const void *fdt, int node, unsigned int *ac,
		       unsigned int *sc)
{
	uint32_t v;
	int err;

	*ac = 2;	/* the specification's defaults, section 2.3.5 */
	*sc = 1;
	err = fdt_prop_u32(fdt, node, "#address-cells", &v);
	if (err == 0) {
		*ac = v;
	} else if (err != -ENOENT) {
		return err;
	}
	err = fdt_prop_u32(fdt, node, "#size-cells", &v);
	if (err == 0) {
		*sc = v;
	} else if (err != -ENOENT) {
		return err;
	}
	return *ac <= 2 && *sc <= 2 ? 0 : -EINVAL;
}

static uint64_t read_cells(const uint8_t *p, unsigned int cells)
{
	switch (cells) {
	case 1:
		return get_be32(p);
	case 2:
		return get_be64(p);
	default:
		return 0;
	}
}

static int reg_of(const void *fdt, int node, int parent, unsigned int index,
		  uint64_t *base, uint64_t *size)
{
	unsigned int ac, sc;
	size_t len, pair;
	const uint8_t *p;
	int err = child_cells(fdt, parent, &ac, &sc);

	if (err != 0) {
		return err;
	}
	pair = (size_t)(ac + sc) * 4;
	p = fdt_prop(fdt, node, "reg", 0, &len);
	if (p == NULL) {
		return -ENOENT;
	}
	if (ac == 0 || len % pair != 0) {
		return -EINVAL;
	}
	if (index >= len / pair) {
		return -ENOENT;
	}
	p += index * pair;
	*base = read_cells(p, ac);
	*size = read_cells(p + (size_t)ac * 4, sc);
	return 0;
}

int fdt_reg_raw(const void *fdt, int node, unsigned int index, uint64_t *base,
		uint64_t *size)
{
	int parent = fdt_parent_offset(fdt, node);

	if (parent < 0) {
		return -EINVAL;
	}
	return reg_of(fdt, node, parent, index, base, size);
}

/*
 * Translate an address on the bus `bus` into one of the bus's own parent,
 * `parent` (Devicetree Specification 2.3.8).
 */
static int translate(const void *fdt, int bus, int parent, uint64_t *base,
		     uint64_t size)
{
	unsigned int ac, sc, pac, psc;
	size_t len, entry;
	const uint8_t *p = fdt_prop(fdt, bus, "ranges", 0, &len);

	if (p == NULL) {
		return -EINVAL;	/* a bus whose addresses mean nothing outside */
	}
	if (len == 0) {
		return 0;
	}
	if (child_cells(fdt, bus, &ac, &sc) != 0 ||
	    child_cells(fdt, parent, &pac, &psc) != 0) {
		return -EINVAL;
	}
	entry = (size_t)(ac + pac + sc) * 4;
	if (ac == 0 || pac == 0 || sc == 0 || len % entry != 0) {
		return -EINVAL;
	}
	for (; len > 0; p += entry, len -= entry) {
		uint64_t child = read_cells(p, ac);
		uint64_t up = read_cells(p + (size_t)ac * 4, pac);
		uint64_t span = read_cells(p + (size_t)(ac + pac) * 4, sc);

		if (*base >= child && *base - child < span &&
		    size <= span - (*base - child)) {
			*base = up + (*base - child);
			return 0;
		}
	}
	return -EINVAL;
}

int fdt_translate(const void *fdt, int node, uint64_t *base, uint64_t size)
{
	int bus = fdt_parent_offset(fdt, node);

	if (bus < 0) {
		return -EINVAL;
	}
	for (unsigned int n = 0; bus != 0; n++) {
		int parent = fdt_parent_offset(fdt, bus);

		if (parent < 0 || n == FDT_DEPTH_MAX ||
		    translate(fdt, bus, parent, base, size) != 0) {
			return -EINVAL;
		}
		bus = parent;
	}
	return 0;
}

int fdt_reg(const void *fdt, int node, unsigned int index, uint64_t *base,
	    uint64_t *size)
{
	int err = fdt_reg_raw(fdt, node, index, base, size);

	return err == 0 ? fdt_translate(fdt, node, base, *size) : err;
}

int fdt_find_compatible(const void *fdt, int after, const char *name)
{
	int node = fdt_node_offset_by_compatible(fdt, after, name);

	while (node >= 0 && !fdt_is_enabled(fdt, node)) {
		node = fdt_node_offset_by_compatible(fdt, node, name);
	}
	return node;
}

int fdt_find_path(const void *fdt, const char *path, size_t len)
{
	int n;

	if (len != 0 && path[0] == '/') {
		return fdt_path_offset_namelen(fdt, path, (int)len);
	}
	/* libfdt would follow an alias of itself without end. */
	path = fdt_getprop_namelen(fdt, fdt_subnode_offset(fdt, 0, "aliases"),
				   path, (int)len, &n);
	if (path == NULL || n < 1 || path[0] != '/' || path[n - 1] != '\0') {
		return -FDT_ERR_NOTFOUND;
	}
	return fdt_path_offset(fdt, path);
}
