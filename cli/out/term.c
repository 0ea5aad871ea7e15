/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modes of the terminal (termios(3)).
 */
#include "out/term.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios before;
static bool entered;

bool term_enter(enum term_mode mode)
{
	static bool registered;
	struct termios t;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) != 0) {
		return false;
	}
	t = before;
	if (mode == TERM_RAW) {
		cfmakeraw(&t);
	} else {
		t.c_lflag &= (tcflag_t)~(ICANON | ECHO);
	}
	if (!registered) {
		atexit(term_restore);
		registered = true;
	}
	entered = tcsetattr(STDIN_FILENO, TCSADRAIN, &t) == 0;
	return entered;
}

void term_restore(void)
{
	if (entered) {
		tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
		entered = false;
	}
}

void term_size(unsigned int *lines, unsigned int *columns)
{
	struct winsize w;

	*lines = 24;
	*columns = 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 &&
	    w.ws_col > 0) {
		*lines = w.ws_row;
		*columns = w.ws_col;
	}
}
