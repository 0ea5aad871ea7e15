/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the wire protocol (io/xs_wire.h): take one message apart, have
 * the view do it, build the reply. All that is in a message came from a guest.
 *
 * Locking: xs_lock. The scratch buffer for paths is under it too.
 */
#include "lib/fmt.h"
#include "lib/string.h"
#include "xenstore/xs_internal.h"
#include <xen/io/xs_wire.h>

_Static_assert(sizeof(struct xsd_sockmsg) == WIRE_HEADER, "xs_wire.h");
_Static_assert(XENSTORE_PAYLOAD_MAX == XS_PAYLOAD_MAX, "xs_wire.h");
_Static_assert(XENSTORE_ABS_PATH_MAX == XS_PATH_MAX, "xs_wire.h");

struct request {
	struct xs_conn *conn;
	struct xs_view view;
	uint32_t tx_id;
	const char *data;		/* payload */
	size_t len;
	char *reply;			/* XS_PAYLOAD_MAX bytes */
	size_t reply_len;
};

/* Relative paths get their domain's prefix here. */
static char full_path[XS_PATH_MAX + 1];

/* --- Taking a payload apart ------------------------------------------------ */

/*
 * The payload must be `count` strings, each with its NUL, and nothing else.
 */
static int get_strings(const struct request *r, const char **out, size_t count)
{
	const char *p = r->data;
	size_t left = r->len;

	for (size_t i = 0; i < count; i++) {
		const char *nul = memchr(p, '\0', left);

		if (!nul) {
			return -EINVAL;
		}
		out[i] = p;
		left -= (size_t)(nul - p) + 1;
		p = nul + 1;
	}
	return left == 0 ? 0 : -EINVAL;
}

static size_t domain_path(unsigned int domid, char *buf, size_t size)
{
	return fmt_buf(buf, size, "/local/domain/%u", domid);
}

/* The absolute form of a path; `prefix_len`: what was put in front. */
static int get_path(const struct request *r, const char *path,
		    const char **out, size_t *prefix_len)
{
	size_t n;

	*prefix_len = 0;
	*out = path;
	if (path[0] == '/') {
		return path_check(path, XS_PATH_MAX);
	}
	if (path[0] == '@' || strlen(path) > XENSTORE_REL_PATH_MAX) {
		return -EINVAL;
	}
	n = domain_path(r->view.dom->id, full_path, sizeof(full_path));
	full_path[n++] = '/';
	str_copy(full_path + n, path, sizeof(full_path) - n);
	*out = full_path;
	*prefix_len = n;
	return path_check(full_path, XS_PATH_MAX);
}

/* A payload that is one path. */
static int get_only_path(const struct request *r, const char **out)
{
	const char *text;
	size_t prefix_len;
	int err = get_strings(r, &text, 1);

	return err ? err : get_path(r, text, out, &prefix_len);
}

/* A payload that begins with a path; `rest` is behind its NUL. */
static int get_first_path(const struct request *r, const char **path,
			  const char **rest, size_t *rest_len)
{
	const char *nul = memchr(r->data, '\0', r->len);
	size_t prefix_len;

	if (!nul) {
		return -EINVAL;
	}
	*rest = nul + 1;
	*rest_len = r->len - (size_t)(nul + 1 - r->data);
	return get_path(r, r->data, path, &prefix_len);
}

static void reply_ok(struct request *r)
{
	memcpy(r->reply, "OK", 3);
	r->reply_len = 3;
}

/* --- Nodes ---------------------------------------------------------------- */

static int do_directory(struct request *r)
{
	const char *path;
	uint64_t gen;
	bool end;
	int err = get_only_path(r, &path);

	if (!err) {
		err = view_directory(&r->view, path, 0, r->reply,
				     XS_PAYLOAD_MAX, &r->reply_len, &end, &gen);
	}
	if (!err && !end) {
		err = -E2BIG;
	}
	return err;
}

/* Room for a generation number with its NUL. */
#define GEN_MAX 24U

static int do_directory_part(struct request *r)
{
	const char *arg[2];
	const char *path;
	size_t prefix_len;
	uint64_t off;
	uint64_t gen;
	size_t len;
	size_t gen_len;
	bool end;
	int err = get_strings(r, arg, 2);

	if (!err) {
		err = decimal_parse(arg[1], strlen(arg[1]), UINT32_MAX, &off);
	}
	if (!err) {
		err = get_path(r, arg[0], &path, &prefix_len);
	}
	if (!err) {
		/* One byte is kept for the mark of the end. */
		err = view_directory(&r->view, path, off, r->reply + GEN_MAX,
				     XS_PAYLOAD_MAX - GEN_MAX - 1, &len, &end,
				     &gen);
	}
	if (err) {
		return err;
	}
	gen_len = fmt_buf(r->reply, GEN_MAX, "%llu", (unsigned long long)gen) + 1;
	memmove(r->reply + gen_len, r->reply + GEN_MAX, len);
	r->reply_len = gen_len + len;
	if (end) {
		r->reply[r->reply_len++] = '\0';
	}
	return 0;
}

static int do_read(struct request *r)
{
	const struct xs_node *n;
	const char *path;
	int err = get_only_path(r, &path);

	if (!err) {
		err = view_get(&r->view, path, XSP_READ, &n);
	}
	if (!err && n->value_len > 0) {
		memcpy(r->reply, n->value, n->value_len);
		r->reply_len = n->value_len;
	}
	return err;
}

static int do_write(struct request *r)
{
	const char *path;
	const char *value;
	size_t len;
	int err = get_first_path(r, &path, &value, &len);

	return err ? err : view_write(&r->view, path, value, len);
}

static int do_mkdir(struct request *r)
{
	const char *path;
	int err = get_only_path(r, &path);

	return err ? err : view_mkdir(&r->view, path);
}

static int do_rm(struct request *r)
{
	const char *path;
	int err = get_only_path(r, &path);

	return err ? err : view_rm(&r->view, path);
}

static int do_get_perms(struct request *r)
{
	const struct xs_node *n;
	const char *path;
	int err = get_only_path(r, &path);

	if (!err) {
		err = view_get(&r->view, path, XSP_READ, &n);
	}
	for (size_t i = 0; !err && i < n->perm_count; i++) {
		r->reply_len += perm_format(&n->perms[i],
					    r->reply + r->reply_len);
	}
	return err;
}

static int do_set_perms(struct request *r)
{
	struct xs_perm perms[XS_QUOTA_PERMS + 1];
	const char *path;
	const char *p;
	size_t left;
	size_t count = 0;
	int err = get_first_path(r, &path, &p, &left);

	/* One entry too many is enough to be refused. */
	while (!err && left > 0 && count < ARRAY_SIZE(perms)) {
		const char *nul = memchr(p, '\0', left);

		if (!nul) {
			return -EINVAL;
		}
		err = perm_parse(p, (size_t)(nul - p), &perms[count++]);
		left -= (size_t)(nul - p) + 1;
		p = nul + 1;
	}
	return err ? err : view_set_perms(&r->view, path, perms, count);
}

/* --- Watches -------------------------------------------------------------- */

static bool path_is_special(const char *path)
{
	return strcmp(path, "@introduceDomain") == 0 ||
	       strcmp(path, "@releaseDomain") == 0;
}

static int get_watch(const struct request *r, const char **path,
		     size_t *prefix_len, const char **token)
{
	const char *arg[2];
	int err = get_strings(r, arg, 2);

	if (err) {
		return err;
	}
	*token = arg[1];
	if (path_is_special(arg[0])) {
		*path = arg[0];
		*prefix_len = 0;
		return 0;
	}
	return get_path(r, arg[0], path, prefix_len);
}

static int do_watch(struct request *r)
{
	struct xs_watch *w;
	const char *path;
	const char *token;
	size_t prefix_len;
	int err = get_watch(r, &path, &prefix_len, &token);

	if (err) {
		return err;
	}
	if (strlen(token) > XS_TOKEN_MAX) {
		return -E2BIG;
	}
	if (watch_find(r->view.dom, path, token)) {
		return -EEXIST;
	}
	err = watch_new(r->view.dom, path, prefix_len, token, &w);
	if (!err) {
		watch_queue_own(w);
	}
	return err;
}

static int do_unwatch(struct request *r)
{
	struct xs_watch *w;
	const char *path;
	const char *token;
	size_t prefix_len;
	int err = get_watch(r, &path, &prefix_len, &token);

	if (err) {
		return err;
	}
	w = watch_find(r->view.dom, path, token);
	if (!w) {
		return -ENOENT;
	}
	watch_free(w);
	return 0;
}

static int do_reset_watches(struct request *r)
{
	txn_free_all(r->view.dom);
	watch_free_all(r->view.dom);
	return 0;
}

/* --- Transactions --------------------------------------------------------- */

static int do_transaction_start(struct request *r)
{
	struct xs_txn *t;
	int err;

	if (r->tx_id != 0) {
		return -EBUSY;
	}
	err = txn_new(r->view.dom, &t);
	if (!err) {
		r->reply_len = fmt_buf(r->reply, XS_PAYLOAD_MAX, "%u", t->id) + 1;
	}
	return err;
}

static int do_transaction_end(struct request *r)
{
	const char *how;
	int err = get_strings(r, &how, 1);

	if (err || (strcmp(how, "T") != 0 && strcmp(how, "F") != 0)) {
		return -EINVAL;
	}
	if (!r->view.txn) {
		return -ENOENT;
	}
	if (how[0] == 'T') {
		return txn_commit(r->view.txn);
	}
	txn_free(r->view.txn);
	return 0;
}

/* --- Others --------------------------------------------------------------- */

static int do_get_domain_path(struct request *r)
{
	const char *arg;
	uint64_t domid;
	int err = get_strings(r, &arg, 1);

	if (!err) {
		err = decimal_parse(arg, strlen(arg), UINT16_MAX, &domid);
	}
	if (err) {
		return -EINVAL;
	}
	r->reply_len = domain_path((unsigned int)domid, r->reply,
				   XS_PAYLOAD_MAX) + 1;
	return 0;
}

/* For a toolstack; here that is the hypervisor itself. */
static int do_refuse(struct request *r)
{
	return -EACCES;
}

/* --- Dispatch ------------------------------------------------------------- */

#define CMD_NO_TXN	0x1U		/* the transaction id is not looked at */
#define CMD_OK		0x2U		/* success is told by "OK" */

static const struct command {
	int (*fn)(struct request *r);
	unsigned int flags;
} commands[] = {
	[XS_CONTROL]		  = { do_refuse, CMD_NO_TXN },
	[XS_DIRECTORY]		  = { do_directory, 0 },
	[XS_READ]		  = { do_read, 0 },
	[XS_GET_PERMS]		  = { do_get_perms, 0 },
	[XS_WATCH]		  = { do_watch, CMD_NO_TXN | CMD_OK },
	[XS_UNWATCH]		  = { do_unwatch, CMD_NO_TXN | CMD_OK },
	[XS_TRANSACTION_START]	  = { do_transaction_start, CMD_NO_TXN },
	[XS_TRANSACTION_END]	  = { do_transaction_end, CMD_OK },
	[XS_INTRODUCE]		  = { do_refuse, CMD_NO_TXN },
	[XS_RELEASE]		  = { do_refuse, CMD_NO_TXN },
	[XS_GET_DOMAIN_PATH]	  = { do_get_domain_path, CMD_NO_TXN },
	[XS_WRITE]		  = { do_write, CMD_OK },
	[XS_MKDIR]		  = { do_mkdir, CMD_OK },
	[XS_RM]			  = { do_rm, CMD_OK },
	[XS_SET_PERMS]		  = { do_set_perms, CMD_OK },
	[XS_IS_DOMAIN_INTRODUCED] = { do_refuse, CMD_NO_TXN },
	[XS_RESUME]		  = { do_refuse, CMD_NO_TXN },
	[XS_SET_TARGET]		  = { do_refuse, CMD_NO_TXN },
	[XS_RESET_WATCHES]	  = { do_reset_watches, CMD_NO_TXN | CMD_OK },
	[XS_DIRECTORY_PART]	  = { do_directory_part, 0 },
};

static int run_command(struct request *r, uint32_t type)
{
	const struct command *cmd;
	int err;

	if (type >= ARRAY_SIZE(commands) || !commands[type].fn) {
		return -ENOSYS;
	}
	cmd = &commands[type];
	if (r->tx_id != 0 && !(cmd->flags & CMD_NO_TXN)) {
		r->view.txn = txn_find(r->view.dom, r->tx_id);
		if (!r->view.txn) {
			return -ENOENT;
		}
	}
	err = cmd->fn(r);
	if (!err && (cmd->flags & CMD_OK)) {
		reply_ok(r);
	}
	return err;
}

/* The name of an error; the protocol knows no numbers. */
static const char *error_name(int err)
{
	for (size_t i = 0; i < ARRAY_SIZE(xsd_errors); i++) {
		if (xsd_errors[i].errnum == -err) {
			return xsd_errors[i].errstring;
		}
	}
	return "EINVAL";
}

static void send_message(struct xs_conn *c, uint32_t type, uint32_t req_id,
			 uint32_t tx_id, size_t len)
{
	struct xsd_sockmsg hdr = {
		.type = type,
		.req_id = req_id,
		.tx_id = tx_id,
		.len = (uint32_t)len,
	};

	memcpy(c->tx, &hdr, sizeof(hdr));
	c->tx_pos = 0;
	c->tx_len = (uint32_t)(sizeof(hdr) + len);
}

uint32_t wire_len(const uint8_t *rx)
{
	struct xsd_sockmsg hdr;

	memcpy(&hdr, rx, sizeof(hdr));
	return hdr.len;
}

void wire_request(struct xs_conn *c)
{
	struct xsd_sockmsg hdr;
	struct request r = {
		.conn = c,
		.view = { .dom = c->dom },
		.data = (const char *)c->rx + sizeof(hdr),
		.reply = (char *)c->tx + sizeof(hdr),
	};
	int err;

	memcpy(&hdr, c->rx, sizeof(hdr));
	r.tx_id = hdr.tx_id;
	r.len = hdr.len;
	xs_stats.requests++;
	err = run_command(&r, hdr.type);
	if (err) {
		xs_stats.errors++;
		hdr.type = XS_ERROR;
		r.reply_len = str_copy(r.reply, error_name(err),
				       XS_PAYLOAD_MAX) + 1;
	}
	send_message(c, hdr.type, hdr.req_id, hdr.tx_id, r.reply_len);
}

void wire_event(struct xs_conn *c, const struct xs_event *e)
{
	const struct xs_watch *w = e->watch;
	char *p = (char *)c->tx + WIRE_HEADER;

	memcpy(p, e->path, e->path_len);
	p[e->path_len] = '\0';
	memcpy(p + e->path_len + 1, w->token, w->token_len + 1U);
	send_message(c, XS_WATCH_EVENT, 0, 0,
		     (size_t)e->path_len + w->token_len + 2);
}
