/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypercall xen_version (xen/version.h, xen/features.h).
 */
#include "lib/bits.h"
#include "lib/string.h"
#include "mem/guest.h"
#include "xen/abi.h"
#include "xen/ops.h"

#define FEATURES	(BIT(XENFEAT_WRITABLE_PAGE_TABLES) |	\
			 BIT(XENFEAT_AUTO_TRANSLATED_PHYSMAP) |	\
			 BIT(XENFEAT_NOT_DIRECT_MAPPED) |	\
			 BIT(XENFEAT_ARM_SMCCC))

/* Sizes of the text buffers in xen/version.h. */
#define EXTRAVERSION_SIZE	16U
#define COMPILE_INFO_SIZE	(64U + 16U + 32U + 32U)
#define CAPABILITIES_SIZE	1024U
#define CHANGESET_SIZE		64U

/* Give `text` in a buffer of `size` bytes, the rest of it zero. */
static long put_text(struct vcpu *v, uint64_t to, const char *text, size_t size)
{
	size_t len = strlen(text);
	char part[64];

	for (size_t at = 0; at < size; at += sizeof(part)) {
		size_t n = MIN(sizeof(part), size - at);

		memset(part, 0, sizeof(part));
		if (at < len) {
			memcpy(part, text + at, MIN(n, len - at));
		}
		if (guest_copy_to(&v->arch, to + at, part, n) != 0) {
			return -EFAULT;
		}
	}
	return 0;
}

static long get_features(struct vcpu *v, uint64_t arg)
{
	struct xenver_features op;

	if (guest_copy_from(&v->arch, &op, arg, sizeof(op)) != 0) {
		return -EFAULT;
	}
	if (op.submap_idx != 0) {
		return -EINVAL;
	}
	op.submap = FEATURES;
	return guest_copy_to(&v->arch, arg, &op, sizeof(op));
}

long version_op(struct vcpu *v, uint64_t cmd, uint64_t arg)
{
	uint64_t zero = 0;

	switch (cmd) {
	case XENVER_VERSION:
		return XEN_ABI_MAJOR << 16 | XEN_ABI_MINOR;
	case XENVER_EXTRAVERSION:
		return put_text(v, arg, ".0-microvisor", EXTRAVERSION_SIZE);
	case XENVER_COMPILE_INFO:
		return put_text(v, arg, "", COMPILE_INFO_SIZE);
	case XENVER_CAPABILITIES:
		return put_text(v, arg, "xen-3.0-aarch64 ", CAPABILITIES_SIZE);
	case XENVER_CHANGESET:
		return put_text(v, arg, "", CHANGESET_SIZE);
	case XENVER_PLATFORM_PARAMETERS:
		return guest_copy_to(&v->arch, arg, &zero, sizeof(zero));
	case XENVER_GET_FEATURES:
		return get_features(v, arg);
	case XENVER_PAGESIZE:
		return PAGE_SIZE;
	case XENVER_GUEST_HANDLE:
		return guest_copy_to(&v->arch, arg, v->domain->uuid, sizeof(v->domain->uuid));
	default:
		return -ENOSYS;
	}
}
