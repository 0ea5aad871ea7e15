/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creation of VMs: the description comes in chunks to the session's blob, and is
 * read as one from boot is.
 */
#include "dev/fdt_lib.h"
#include "kern/log.h"
#include "lib/bits.h"
#include "mem/heap.h"
#include "mgmt/server.h"
#include "mgmt/vm_data.h"
#include "vm/store.h"
#include "vm/vmdesc_diag.h"

/* --- the blob -------------------------------------------------------------------- */

static unsigned int chunks_of(const struct session_blob *b)
{
	return (b->size + MV_CHUNK - 1) / MV_CHUNK;
}

static void blob_drop(struct session_blob *b)
{
	heap_free(b->data);
	*b = (struct session_blob){ .id = 0 };
}

static int blob_begin(struct session_blob *b, uint32_t id, uint32_t size)
{
	blob_drop(b);
	b->data = heap_alloc(size);
	if (b->data == NULL) {
		return -ENOMEM;
	}
	b->id = id;
	b->size = size;
	return 0;
}

/* The first chunk that isn't there, or how many there are. */
static unsigned int blob_missing(const struct session_blob *b)
{
	return (unsigned int)bitmap_find_clear(&b->have, chunks_of(b));
}

static enum mv_status blob_put(struct mgmt_call *c)
{
	const struct mv_blob_put *p = (const void *)c->body;
	struct session_blob *b = &c->session->blob;
	uint32_t id = mv_get32(p->blob), size = mv_get32(p->size), at = mv_get32(p->offset);
	size_t n = c->size - sizeof(*p);
	struct mv_blob_state *state;

	if (id == 0 || size == 0 || size > MV_BLOB_MAX || at >= size || at % MV_CHUNK != 0 ||
	    n != MIN((uint32_t)MV_CHUNK, size - at)) {
		return mgmt_refuse(c, MV_INVALID, "%zu bytes at %u of a blob of %u", n, at, size);
	}
	if ((b->id != id || b->size != size) && blob_begin(b, id, size) != 0) {
		return mgmt_refuse(c, MV_NO_MEMORY, "no memory");
	}
	memcpy(b->data + at, c->body + sizeof(*p), n);
	bitmap_set(&b->have, at / MV_CHUNK);
	state = mgmt_out(c, sizeof(*state));
	state->blob = mv_put32(id);
	state->missing = mv_put32(MIN(blob_missing(b) * MV_CHUNK, size));
	return MV_OK;
}

/* --- the description ---------------------------------------------------------------- */

/* The first error becomes the answer's text. */
struct telling {
	struct mgmt_call *call;
	bool told;
};

static void tell(void *ctx, enum vmdesc_severity severity, const char *text)
{
	struct telling *t = ctx;

	log_write(severity == VMDESC_ERROR ? LOG_NOTICE : LOG_INFO, "mgmt", "create: %s", text);
	if (severity == VMDESC_ERROR && !t->told) {
		t->told = true;
		(void)mgmt_refuse(t->call, MV_INVALID, "%s", text);
	}
}

static int image_get(void *ctx, const uint8_t sha256[32], struct vm_module *m)
{
	return store_get(sha256, m);
}

/* The only VM of a tree; -ENOENT: there is none, or more than one. */
static int only_vm(const void *fdt)
{
	int parent = fdt_path_offset(fdt, "/vms");
	int found = -ENOENT;
	int node;

	if (parent < 0) {
		return -ENOENT;
	}
	fdt_for_each_subnode(node, fdt, parent) {
		if (!fdt_is_compatible(fdt, node, "xen,domain")) {
			continue;
		}
		if (found >= 0) {
			return -ENOENT;
		}
		found = node;
	}
	return found;
}

static int describe(const struct session_blob *b, struct vm_config *config,
		    struct vmdesc_diag *diag, struct vm **out)
{
	static const struct vmdesc_source source = { .image = image_get };
	int node = fdt_tree_check(b->data, b->size) == 0 ? only_vm(b->data) : -EINVAL;
	int err;

	if (node < 0) {
		vmdesc_tell_file(diag, VMDESC_ERROR, "description", node == -EINVAL ?
				 "malformed device tree" : "it must have one xen,domain below /vms");
		return -EINVAL;
	}
	err = vmdesc_parse(b->data, node, &source, config, diag);
	if (err == 0) {
		err = vm_add_new(config, diag, out);
	}
	if (err != 0) {
		vm_module_put(&config->kernel);
		vm_module_put(&config->ramdisk);
	}
	return err;
}

/* Why it isn't built: the errors of vm_start(). */
static enum mv_status refuse_start(struct mgmt_call *c, int err)
{
	if (err == -ENOSPC) {
		return mgmt_refuse(c, MV_INVALID,
				   "its memory is too small for its kernel and RAM disk");
	}
	return mgmt_refuse_err(c, err, err == -ENOMEM ? "not enough memory is free" :
			       "it can't be built");
}

static enum mv_status start(struct mgmt_call *c, struct vm *vm)
{
	int err = vm_start(vm);

	if (err != 0) {
		vm_remove(vm);
		return refuse_start(c, err);
	}
	vm_data_fill(mgmt_out(c, sizeof(struct mv_vm)), vm);
	return MV_OK;
}

static enum mv_status create(struct mgmt_call *c, const struct session_blob *b, bool paused)
{
	struct telling t = { .call = c };
	struct vmdesc_diag diag = { .line = tell, .ctx = &t };
	struct vm_config *config = heap_alloc(sizeof(*config));
	struct vm *vm;
	int err;

	if (config == NULL) {
		return mgmt_refuse(c, MV_NO_MEMORY, "no memory");
	}
	err = describe(b, config, &diag, &vm);
	heap_free(config);
	if (err != 0) {
		return t.told ? (err == -EEXIST ? MV_EXISTS : MV_INVALID) :
		       mgmt_refuse_err(c, err, "it can't be added");
	}
	vm->start_paused = paused;
	return start(c, vm);
}

static enum mv_status vm_create(struct mgmt_call *c)
{
	const struct mv_vm_create *r = (const void *)c->body;
	struct session_blob *b = &c->session->blob;
	uint32_t flags = mv_get32(r->flags);
	enum mv_status status;

	if ((flags & ~MV_CREATE_PAUSED) != 0) {
		return mgmt_refuse(c, MV_UNSUPPORTED, "unknown flags");
	}
	if (b->id == 0 || b->id != mv_get32(r->blob) || blob_missing(b) < chunks_of(b)) {
		return mgmt_refuse(c, MV_INCOMPLETE, "blob %u isn't complete", mv_get32(r->blob));
	}
	status = create(c, b, (flags & MV_CREATE_PAUSED) != 0);
	blob_drop(b);
	return status;
}

const struct mgmt_verb mgmt_create_verbs[] = {
	{ MV_BLOB_PUT, false, sizeof(struct mv_blob_put), blob_put },
	{ MV_VM_CREATE, true, sizeof(struct mv_vm_create), vm_create },
	{ .fn = NULL },
};
