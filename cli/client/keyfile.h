/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's file of keys. Each line has a key of 64 hexadecimal digits,
 * after the name or id of the node that it is for; a line with nothing but a
 * key is for all other nodes. '#' begins a comment.
 */
#ifndef CLI_CLIENT_KEYFILE_H
#define CLI_CLIENT_KEYFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "client/node.h"

/*
 * The key for a node. 0, or -1 after telling why there is none (malformed
 * lines; a file that others may read).
 */
int keyfile_find(const char *path, const struct node *n, uint8_t *key);

#endif
