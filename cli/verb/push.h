/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files as images of a node, with a progress bar.
 */
#ifndef CLI_VERB_PUSH_H
#define CLI_VERB_PUSH_H

#include "client/image.h"
#include "client/session.h"

/*
 * Push the file unless the node has it. 0 with what happened in *p (its data
 * isn't there any more), or an exit status after telling.
 */
int push_file(struct session *s, const char *path, struct image_push *p);

#endif
