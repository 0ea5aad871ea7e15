/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent: runs commands in a guest for a program at the other end of its
 * console. One line a message; the guest's kernel should be told to keep
 * quiet (dmesg -n 1), because its messages share the console.
 *
 *   to the guest        from the guest
 *                       @ready 0 SEQ LEN TEXT  once, at the start
 *   @run ID COMMAND     @out ID SEQ LEN TEXT   a line of the command's output
 *                       @part ID SEQ LEN TEXT  the same, more of it follows
 *                       @end ID SEQ LEN STATUS its exit status, or 128 + signal
 *   @kill ID            (ends the command and what it started)
 *   @ping ID            @pong ID SEQ LEN
 *
 * ID is a number chosen by the other end. SEQ counts the messages and LEN is
 * the length of what follows it, in characters: a console may show a line
 * twice or in part first. What a console could change is changed before: tabs
 * become blanks, other characters outside ASCII '?', blanks at the end go.
 *
 * Up to MAX_JOBS commands run at the same time, each by /bin/sh with its
 * standard input empty. Other input is ignored.
 *
 * Locking: none, one thread.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum {
	MAX_JOBS = 16,
	LINE_MAX_IN = 8192,	/* a command */
	TEXT_MAX = 400,		/* output text in one message */
};

struct job {
	bool used;
	unsigned long id;
	pid_t pid;
	int fd;			/* its output, -1 after the end of file */
	char text[TEXT_MAX];
	size_t len;
};

static struct job jobs[MAX_JOBS];

/* One message is one write(), so that messages never mix. */
static void send_message(const char *kind, unsigned long id, const char *text,
			 size_t len)
{
	static unsigned long sequence;
	char line[TEXT_MAX + 80];
	size_t done = 0, size;

	size = (size_t)snprintf(line, sizeof(line), "@%s %lu %lu %zu %.*s\n",
				kind, id, sequence++, len, (int)len, text);
	while (done < size) {
		ssize_t n = write(STDOUT_FILENO, line + done, size - done);

		if (n > 0) {
			done += (size_t)n;
		} else if (errno == EAGAIN) {
			usleep(1000);
		} else if (errno != EINTR) {
			return;
		}
	}
}

static void send_end(unsigned long id, int status)
{
	char text[16];

	send_message("end", id, text,
		     (size_t)snprintf(text, sizeof(text), "%d", status));
}

static void job_flush(struct job *job, const char *kind)
{
	for (size_t i = 0; i < job->len; i++) {
		unsigned char c = (unsigned char)job->text[i];

		if (c < ' ' || c > '~') {
			job->text[i] = c == '\t' ? ' ' : '?';
		}
	}
	while (job->len && job->text[job->len - 1] == ' ' && kind[0] == 'o') {
		job->len--;
	}
	send_message(kind, job->id, job->text, job->len);
	job->len = 0;
}

static void job_read(struct job *job)
{
	char buf[4096];
	ssize_t n = read(job->fd, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
		return;
	}
	if (n <= 0) {
		close(job->fd);
		job->fd = -1;
		if (job->len) {
			job_flush(job, "out");
		}
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] == '\n') {
			job_flush(job, "out");
		} else if (buf[i] != '\r') {
			if (job->len == TEXT_MAX) {
				job_flush(job, "part");
			}
			job->text[job->len++] = buf[i];
		}
	}
}

/* A command has ended when its process has; what it left running in the
 * background may hold the pipe open for ever, so read only what is there. */
static void job_reap(struct job *job)
{
	int status;

	if (waitpid(job->pid, &status, WNOHANG) != job->pid) {
		return;
	}
	if (job->fd >= 0) {
		struct pollfd p = { .fd = job->fd, .events = POLLIN };

		while (job->fd >= 0 && poll(&p, 1, 0) > 0) {
			job_read(job);
		}
	}
	if (job->fd >= 0) {
		close(job->fd);
		if (job->len) {
			job_flush(job, "out");
		}
	}
	send_end(job->id, WIFEXITED(status) ? WEXITSTATUS(status) :
		 128 + WTERMSIG(status));
	job->used = false;
}

static void child_run(int output, const char *command)
{
	int null = open("/dev/null", O_RDONLY);

	setpgid(0, 0);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
	}
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	signal(SIGCHLD, SIG_DFL);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static struct job *job_find(bool used, unsigned long id)
{
	for (size_t i = 0; i < MAX_JOBS; i++) {
		if (jobs[i].used == used && (!used || jobs[i].id == id)) {
			return &jobs[i];
		}
	}
	return NULL;
}

static void job_start(unsigned long id, const char *command)
{
	struct job *job = job_find(false, 0);
	int pipe_fd[2];

	if (job_find(true, id)) {
		return;			/* a repeated message */
	}
	if (!job || pipe2(pipe_fd, O_CLOEXEC)) {
		send_end(id, 126);
		return;
	}
	*job = (struct job){ .used = true, .id = id, .fd = pipe_fd[0] };
	job->pid = fork();
	if (job->pid == 0) {
		child_run(pipe_fd[1], command);
	}
	/* Here too: a @kill may come before the child got that far. */
	setpgid(job->pid, job->pid);
	close(pipe_fd[1]);
	if (job->pid < 0) {
		close(pipe_fd[0]);
		job->used = false;
		send_end(id, 126);
	}
}

static void command_line(char *line)
{
	char *rest;
	unsigned long id;
	struct job *job;

	if (!strncmp(line, "@run ", 5)) {
		id = strtoul(line + 5, &rest, 10);
		if (*rest == ' ') {
			job_start(id, rest + 1);
		}
	} else if (!strncmp(line, "@kill ", 6)) {
		job = job_find(true, strtoul(line + 6, NULL, 10));
		if (job) {
			kill(-job->pid, SIGKILL);
		}
	} else if (!strncmp(line, "@ping ", 6)) {
		send_message("pong", strtoul(line + 6, NULL, 10), "", 0);
	}
}

static void console_read(void)
{
	static char line[LINE_MAX_IN];
	static size_t len;
	char buf[512];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
		exit(1);
	}
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] == '\n' || buf[i] == '\r') {
			line[len] = '\0';
			command_line(line);
			len = 0;
		} else if (len < sizeof(line) - 1) {
			line[len++] = buf[i];
		}
	}
}

static void terminal_raw(void)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &t)) {
		return;			/* not a terminal: a pipe in a test */
	}
	cfmakeraw(&t);
	tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

int main(int argc, char **argv)
{
	const char *about = argc > 1 ? argv[1] : "";
	size_t len = strlen(about);

	terminal_raw();
	send_message("ready", 0, about, len < TEXT_MAX ? len : TEXT_MAX);
	for (;;) {
		struct pollfd p[MAX_JOBS + 1] = {
			{ .fd = STDIN_FILENO, .events = POLLIN },
		};

		for (size_t i = 0; i < MAX_JOBS; i++) {
			p[i + 1].fd = jobs[i].used ? jobs[i].fd : -1;
			p[i + 1].events = POLLIN;
		}
		/* The time-out finds commands that closed their output. */
		if (poll(p, MAX_JOBS + 1, 100) < 0 && errno != EINTR) {
			return 1;
		}
		if (p[0].revents) {
			console_read();
		}
		for (size_t i = 0; i < MAX_JOBS; i++) {
			if (p[i + 1].revents && jobs[i].used &&
			    jobs[i].fd >= 0) {
				job_read(&jobs[i]);
			}
			if (jobs[i].used) {
				job_reap(&jobs[i]);
			}
		}
	}
}
