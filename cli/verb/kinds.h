/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of what nodes list: names in tables and in JSON.
 * docs/mvctl-json.md has the JSON names; they stay as they are.
 */
#ifndef CLI_VERB_KINDS_H
#define CLI_VERB_KINDS_H

#include "out/record.h"

extern const struct record_kind kind_vm;
extern const struct record_kind kind_vm_info;
extern const struct record_kind kind_vcpu;
extern const struct record_kind kind_node;
extern const struct record_kind kind_cpu;
extern const struct record_kind kind_vif;
extern const struct record_kind kind_vbd;
extern const struct record_kind kind_image;
extern const struct record_kind kind_port;
extern const struct record_kind kind_fdb;
extern const struct record_kind kind_counter;
extern const struct record_kind kind_capture;

/* "running" and so on; "?" for a number that this mvctl doesn't know. */
const char *vm_state_name(unsigned int state);
const char *end_reason_name(unsigned int reason);

#endif
