/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's console at this terminal.
 */
#ifndef CLI_VERB_CONSOLE_H
#define CLI_VERB_CONSOLE_H

#include <stdbool.h>

#include "client/session.h"

/*
 * Attach to the VM's console until Ctrl-] is typed, the VM is gone, or a
 * signal says so. `history`: begin with what is kept of its output; `input`:
 * what is typed goes to the VM; `once`: end when all that is there was shown.
 * An exit status, after telling.
 */
int console_attach(struct session *s, const struct mv_vm *vm, bool history,
		   bool input, bool once);

#endif
