/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics as text.
 */
#include "out/prom.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "out/utf8.h"
#include "util.h"

static FILE *memory_stream(char **text, size_t *size)
{
	FILE *f = open_memstream(text, size);

	if (f == NULL) {
		fputs("mvctl: out of memory\n", stderr);
		exit(EXIT_FAILED);
	}
	return f;
}

void prom_begin(struct prom *p, const struct prom_metric *metric, size_t count)
{
	p->metric = metric;
	p->count = count;
	p->text = xalloc(count * sizeof(*p->text));
	p->size = xalloc(count * sizeof(*p->size));
	p->stream = xalloc(count * sizeof(*p->stream));
	for (size_t i = 0; i < count; i++) {
		p->stream[i] = memory_stream(&p->text[i], &p->size[i]);
	}
}

static void put_label(FILE *to, const char *s)
{
	size_t len = strlen(s);

	while (len > 0) {
		size_t n = utf8_length(s, len);

		if (n == 0 || (n == 1 && *s == '\n')) {
			fputc('?', to);
			n = 1;
		} else {
			if (*s == '"' || *s == '\\') {
				fputc('\\', to);
			}
			fwrite(s, 1, n, to);
		}
		s += n;
		len -= n;
	}
}

static void put_number(FILE *to, uint64_t v, unsigned int digits)
{
	uint64_t scale = 1;

	for (unsigned int i = 0; i < digits; i++) {
		scale *= 10;
	}
	fprintf(to, "%" PRIu64, v / scale);
	if (digits > 0) {
		fprintf(to, ".%0*" PRIu64, (int)digits, v % scale);
	}
	fputc('\n', to);
}

void prom_add(struct prom *p, size_t index, uint64_t v, unsigned int digits,
	      ...)
{
	FILE *to = p->stream[index];
	const char *name, *sep = "{";
	va_list ap;

	fputs(p->metric[index].name, to);
	va_start(ap, digits);
	while ((name = va_arg(ap, const char *)) != NULL) {
		fprintf(to, "%s%s=\"", sep, name);
		put_label(to, va_arg(ap, const char *));
		fputc('"', to);
		sep = ",";
	}
	va_end(ap);
	fputs(sep[0] == ',' ? "} " : " ", to);
	put_number(to, v, digits);
}

char *prom_end(struct prom *p, size_t *len)
{
	char *text = NULL;
	FILE *f = memory_stream(&text, len);

	for (size_t i = 0; i < p->count; i++) {
		const struct prom_metric *m = &p->metric[i];

		fclose(p->stream[i]);
		if (p->size[i] > 0) {
			fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", m->name,
				m->help, m->name, m->type);
			fwrite(p->text[i], 1, p->size[i], f);
		}
		free(p->text[i]);
	}
	fclose(f);
	free(p->text);
	free(p->size);
	free(p->stream);
	return text;
}
