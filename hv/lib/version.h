/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The version of Microvisor: CHANGELOG.md tells what is in it.
 */
#ifndef LIB_VERSION_H
#define LIB_VERSION_H

#define MV_VERSION "0.1"

#endif
