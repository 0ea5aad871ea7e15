/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatted text into a buffer.
 *
 * Locking: none.
 * Invariants: struct out never writes at or behind its last byte, which is
 * kept for the NUL; `len` counts what a large enough buffer would hold.
 */
#include "lib/fmt.h"

#include "lib/string.h"

/* An octal number of 64 bits has 22 digits. */
#define DIGITS_MAX	22

struct out {
	char *buf;
	size_t size;
	size_t len;
};

/* One conversion, from the flags to the letter. */
struct spec {
	bool left;		/* '-' */
	bool zero;		/* '0' */
	size_t width;
	bool has_precision;
	size_t precision;
	unsigned int bytes;	/* size of the integer argument */
};

/* A va_list can be an array type, which functions can't pass on by value. */
struct args {
	va_list ap;
};

static void put(struct out *o, char c)
{
	if (o->size != 0 && o->len < o->size - 1) {
		o->buf[o->len] = c;
	}
	o->len++;
}

static void put_repeat(struct out *o, char c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		put(o, c);
	}
}

static void put_padded(struct out *o, const struct spec *s, const char *text, size_t len)
{
	size_t pad = s->width > len ? s->width - len : 0;

	if (!s->left) {
		put_repeat(o, ' ', pad);
	}
	for (size_t i = 0; i < len; i++) {
		put(o, text[i]);
	}
	if (s->left) {
		put_repeat(o, ' ', pad);
	}
}

/* `prefix` ("-", "0x" or "") stays in front of the zeros. */
static void put_number(struct out *o, const struct spec *s, const char *prefix, uint64_t value,
		       unsigned int base, bool upper)
{
	const char *alphabet = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char digits[DIGITS_MAX];
	size_t count = 0;
	size_t prefix_len = strlen(prefix);
	size_t zeros = 0;
	size_t pad;

	for (; value != 0; value /= base) {
		digits[count++] = alphabet[value % base];
	}
	/* As in C, a zero with the precision 0 has no digits at all. */
	if (count == 0 && !(s->has_precision && s->precision == 0)) {
		digits[count++] = '0';
	}
	if (s->has_precision) {
		zeros = s->precision > count ? s->precision - count : 0;
	} else if (s->zero && !s->left && s->width > prefix_len + count) {
		zeros = s->width - prefix_len - count;
	}
	pad = prefix_len + zeros + count;
	pad = s->width > pad ? s->width - pad : 0;

	if (!s->left) {
		put_repeat(o, ' ', pad);
	}
	for (size_t i = 0; i < prefix_len; i++) {
		put(o, prefix[i]);
	}
	put_repeat(o, '0', zeros);
	while (count > 0) {
		put(o, digits[--count]);
	}
	if (s->left) {
		put_repeat(o, ' ', pad);
	}
}

static int64_t take_signed(const struct spec *s, struct args *args)
{
	int value;

	if (s->bytes == sizeof(int64_t)) {
		return va_arg(args->ap, int64_t);
	}
	value = va_arg(args->ap, int);
	switch (s->bytes) {
	case sizeof(int8_t):
		return (int8_t)value;
	case sizeof(int16_t):
		return (int16_t)value;
	default:
		return value;
	}
}

static uint64_t take_unsigned(const struct spec *s, struct args *args)
{
	unsigned int value;

	if (s->bytes == sizeof(uint64_t)) {
		return va_arg(args->ap, uint64_t);
	}
	value = va_arg(args->ap, unsigned int);
	switch (s->bytes) {
	case sizeof(uint8_t):
		return (uint8_t)value;
	case sizeof(uint16_t):
		return (uint16_t)value;
	default:
		return value;
	}
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
	if (text == NULL) {
		text = "(null)";
	}
	put_padded(o, s, text, s->has_precision ? strnlen(text, s->precision) : strlen(text));
}

static void convert(struct out *o, const struct spec *s, char letter, struct args *args)
{
	int64_t value;
	char c;

	switch (letter) {
	case 'd':
	case 'i':
		value = take_signed(s, args);
		if (value < 0) {
			put_number(o, s, "-", 0 - (uint64_t)value, 10, false);
		} else {
			put_number(o, s, "", (uint64_t)value, 10, false);
		}
		break;
	case 'u':
		put_number(o, s, "", take_unsigned(s, args), 10, false);
		break;
	case 'x':
	case 'X':
		put_number(o, s, "", take_unsigned(s, args), 16, letter == 'X');
		break;
	case 'o':
		put_number(o, s, "", take_unsigned(s, args), 8, false);
		break;
	case 'p':
		put_number(o, s, "0x", (uintptr_t)va_arg(args->ap, void *), 16, false);
		break;
	case 'c':
		c = (char)va_arg(args->ap, int);
		put_padded(o, s, &c, 1);
		break;
	case 's':
		put_string(o, s, va_arg(args->ap, const char *));
		break;
	default:
		/* '%', or a letter that the compiler would have refused. */
		put(o, letter);
		break;
	}
}

static const char *read_flags(const char *p, struct spec *s)
{
	for (;; p++) {
		if (*p == '-') {
			s->left = true;
		} else if (*p == '0') {
			s->zero = true;
		} else {
			return p;
		}
	}
}

/* Digits or a star; *negative tells that a star's argument was below zero. */
static const char *read_count(const char *p, struct args *args, size_t *count, bool *negative)
{
	size_t n = 0;
	int arg;

	*negative = false;
	if (*p == '*') {
		arg = va_arg(args->ap, int);
		*negative = arg < 0;
		*count = arg < 0 ? (size_t)0 - (size_t)arg : (size_t)arg;
		return p + 1;
	}
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (size_t)(*p - '0');
	}
	*count = n;
	return p;
}

static const char *read_length(const char *p, struct spec *s)
{
	s->bytes = sizeof(int);
	switch (*p) {
	case 'h':
		s->bytes = p[1] == 'h' ? 1 : 2;
		return p + (p[1] == 'h' ? 2 : 1);
	case 'l':
		s->bytes = sizeof(long);
		if (p[1] == 'l') {
			s->bytes = sizeof(long long);
			return p + 2;
		}
		return p + 1;
	case 'z':
		s->bytes = sizeof(size_t);
		return p + 1;
	case 'j':
		s->bytes = sizeof(intmax_t);
		return p + 1;
	default:
		return p;
	}
}

static const char *read_spec(const char *p, struct spec *s, struct args *args)
{
	bool negative;

	memset(s, 0, sizeof(*s));
	p = read_flags(p, s);
	p = read_count(p, args, &s->width, &negative);
	s->left |= negative;
	if (*p == '.') {
		p = read_count(p + 1, args, &s->precision, &negative);
		s->has_precision = !negative;
	}
	return read_length(p, s);
}

size_t fmt_vbuf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { .buf = buf, .size = size };
	struct args args;

	va_copy(args.ap, ap);
	for (const char *p = fmt; *p != '\0'; p++) {
		struct spec s;

		if (*p != '%') {
			put(&o, *p);
			continue;
		}
		p = read_spec(p + 1, &s, &args);
		if (*p == '\0') {
			break;
		}
		convert(&o, &s, *p, &args);
	}
	va_end(args.ap);
	if (size != 0) {
		buf[MIN(o.len, size - 1)] = '\0';
	}
	return o.len;
}

size_t fmt_buf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	len = fmt_vbuf(buf, size, fmt, ap);
	va_end(ap);
	return len;
}

size_t str_copy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src);

	if (size != 0) {
		size_t n = MIN(len, size - 1);

		memcpy(dst, src, n);
		dst[n] = '\0';
	}
	return len;
}
