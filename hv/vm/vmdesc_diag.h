/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the VM description: what its two files share.
 */
#ifndef VM_VMDESC_DIAG_H
#define VM_VMDESC_DIAG_H

#include <stdarg.h>

#include "vm/vmdesc.h"

/*
 * Tell one line, "vm 'NAME': TEXT", or "ORIGIN: TEXT" from vmdesc_tell_file().
 * Bytes that aren't printable become '?'.
 */
void vmdesc_vtell(struct vmdesc_diag *diag, enum vmdesc_severity severity,
		  const char *name, const char *fmt, va_list ap)
	PRINTF_LIKE(4, 0);
void vmdesc_tell(struct vmdesc_diag *diag, enum vmdesc_severity severity,
		 const char *name, const char *fmt, ...) PRINTF_LIKE(4, 5);
void vmdesc_tell_file(struct vmdesc_diag *diag, enum vmdesc_severity severity,
		      const char *origin, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* The MAC of a vif that was given none; `salt` gives another one. */
void vmdesc_make_mac(const struct vm_config *vm, unsigned int index,
		     unsigned int salt, uint8_t mac[6]);

#endif
