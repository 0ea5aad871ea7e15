/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error numbers. The values are those of the guest ABI (xen/errno.h, which
 * are Linux's), so that the hypercall boundary needs no map. Functions return
 * 0 or the negative number.
 */
#ifndef LIB_ERRNO_H
#define LIB_ERRNO_H

#define EPERM		1
#define ENOENT		2
#define EIO		5
#define E2BIG		7
#define EAGAIN		11
#define ENOMEM		12
#define EACCES		13
#define EFAULT		14
#define EBUSY		16
#define EEXIST		17
#define ENODEV		19
#define EISDIR		21
#define EINVAL		22
#define ENOSPC		28
#define EROFS		30
#define ERANGE		34
#define ENOSYS		38
#define ENOTEMPTY	39
#define EISCONN		106

#endif
