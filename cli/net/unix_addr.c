/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets in the file system (unix(7)).
 */
#include "net/unix_addr.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FULL_TRIES	25
#define FULL_WAIT_US	200

int unix_address(struct sockaddr_un *a, const char *path)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(a->sun_path)) {
		return -ENAMETOOLONG;
	}
	strcpy(a->sun_path, path);
	return 0;
}

/* A socket that nobody reads any more. */
static bool is_left_behind(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct stat st;
	bool dead;

	if (fd < 0) {
		return false;
	}
	dead = lstat(a->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	       connect(fd, (const struct sockaddr *)a, sizeof(*a)) != 0 &&
	       errno == ECONNREFUSED;
	close(fd);
	return dead;
}

int unix_bind(int fd, const char *path)
{
	struct sockaddr_un a;
	int err = unix_address(&a, path);

	if (err != 0) {
		return err;
	}
	if (is_left_behind(&a)) {
		unlink(path);
	}
	return bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 ? 0 : -errno;
}

int unix_send_to(int fd, const void *data, size_t len,
		 const struct sockaddr_un *to, socklen_t to_len, bool patient)
{
	for (unsigned int i = 0; i < (patient ? FULL_TRIES : 1); i++) {
		if (sendto(fd, data, len, MSG_DONTWAIT,
			   (const struct sockaddr *)to, to_len) >= 0) {
			return 0;
		}
		if (errno != EAGAIN && errno != ENOBUFS) {
			return -errno;
		}
		if (patient) {
			usleep(FULL_WAIT_US);
		}
	}
	return -EAGAIN;
}
