/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The progress bar.
 */
#include "out/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/clock.h"
#include "out/human.h"

#define DRAW_EVERY_MS	100
#define BAR_MAX		40
#define AROUND_BAR	52	/* columns of name, numbers and rate */
#define LINE_SIZE	128

void progress_begin(struct progress *p, const char *name, uint64_t total)
{
	*p = (struct progress){
		.name = name, .total = total, .begin_ms = clock_ms(),
		.visible = isatty(STDERR_FILENO) != 0,
	};
}

static unsigned int columns_now(void)
{
	struct winsize w;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ?
		w.ws_col : 80;
}

static unsigned int bar_width(unsigned int columns)
{
	if (columns <= AROUND_BAR) {
		return 0;
	}
	return columns - AROUND_BAR < BAR_MAX ? columns - AROUND_BAR : BAR_MAX;
}

static void draw(const struct progress *p, uint64_t done, const char *note)
{
	uint64_t ms = clock_ms() - p->begin_ms + 1;
	uint64_t rate = (done - p->first) * 1000 / ms;
	unsigned int columns = columns_now(), width = bar_width(columns);
	char bar[BAR_MAX + 1], text[16], speed[16], line[LINE_SIZE];
	unsigned int full = p->total == 0 ? width :
		(unsigned int)(done * width / p->total);

	memset(bar, '.', width);
	memset(bar, '#', full < width ? full : width);
	bar[width] = '\0';
	format_size(text, sizeof(text), done);
	format_size(speed, sizeof(speed), rate);
	snprintf(line, sizeof(line), "%-20.20s [%s] %3u%% %9s %9s/s%s", p->name,
		 bar, p->total == 0 ? 100 :
		 (unsigned int)(done * 100 / p->total), text, speed, note);
	/* A line that wraps would stay. */
	fprintf(stderr, "\r%.*s\033[K", (int)columns - 1, line);
	fflush(stderr);
}

void progress_set(struct progress *p, uint64_t done, const char *note)
{
	uint64_t now = clock_ms();

	if (!p->started) {
		p->first = done;
		p->started = true;
	}
	done = done > p->total ? p->total : done;
	if (!p->visible || done < p->first ||
	    now < p->drawn_ms + DRAW_EVERY_MS) {
		return;
	}
	p->drawn_ms = now;
	draw(p, done, note);
}

void progress_end(struct progress *p)
{
	if (p->visible && p->drawn_ms != 0) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
	}
}
