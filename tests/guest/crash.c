/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest whose kernel crashes at once, and says so to the hypervisor. Without
 * a description here: tests/system/test_power.py makes those it needs.
 */
#include "lib/guest.h"
#include "lib/xen.h"

const char guest_name[] = "crash";

static void case_crash(void)
{
	print("about to crash\n");
	shutdown(SHUTDOWN_CRASH);
}

const struct guest_case guest_cases[] = {
	{ "crash", case_crash },
	{ NULL, NULL },
};
