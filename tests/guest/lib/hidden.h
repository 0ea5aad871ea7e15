/* SPDX-License-Identifier: Apache-2.0 */
/* Included first everywhere: no symbol needs the global offset table. */
#pragma GCC visibility push(hidden)
