/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The short way for frames: a program of four instructions that the driver of one
 * interface runs for each frame before it is anything to the kernel (XDP), and that
 * has it sent by the driver of the other one. No buffer is made for it, no queue
 * passed, and nothing of the frame is looked at.
 */
#include "dd.h"

#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* return bpf_redirect(to, 0); */
static int load(unsigned int to)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1,
		  .imm = (int32_t)to },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	static const char license[] = "Apache-2.0";
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	attr.insns = (uintptr_t)code;
	attr.insn_cnt = sizeof(code) / sizeof(code[0]);
	attr.license = (uintptr_t)license;
	/* Frames may be larger than a page. */
	attr.prog_flags = BPF_F_XDP_HAS_FRAGS;
	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

/* The interface holds the program, so nothing else need. */
static bool attach(const char *from, const char *to)
{
	int program = load(if_nametoindex(to));
	int err;

	if (program < 0) {
		say("%s: the kernel takes no XDP program: %m", from);
		return false;
	}
	err = link_set_xdp(from, program);
	close(program);
	if (err != 0) {
		say("%s: its driver takes no XDP program: %s", from, strerror(err));
	}
	return err == 0;
}

bool xdp_connect(const char *a, const char *b)
{
	if (!attach(a, b)) {
		return false;
	}
	if (!attach(b, a)) {
		(void)link_set_xdp(a, -1);
		return false;
	}
	return true;
}
