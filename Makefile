# SPDX-License-Identifier: Apache-2.0
#
# make run     set up, build, boot the demo and check it
# make check   set up, build, run all tests
# make help    the rest
#
# One makefile; each module lists its files in its module.mk. `core-y` is
# compiled for every port, `arm64-y` and `host-y` for one.

SHELL := /bin/bash
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

BUILD ?= build
CROSS ?= aarch64-linux-gnu-
DEBUG ?= 0
V ?= 0
Q := $(if $(filter 1,$(V)),,@)

.PHONY: all
all: $(BUILD)/arm64/microvisor.bin $(BUILD)/host/mvctl

# Modules list their sources. Those that are cold are part of the core, but nothing that
# comes often passes them: they are small rather than fast.
core-y :=
cold-y :=
arm64-y :=
host-y :=
include $(sort $(wildcard hv/*/module.mk hv/arch/*/module.mk))
core-y += $(cold-y)

WARN := -Werror -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes \
	-Wvla -Wundef -Wno-unused-parameter -Wno-missing-field-initializers
INCLUDE := -Ihv -Ihv/arch/include -Iinclude
COMMON := -std=gnu11 $(WARN) -fno-common -fno-strict-aliasing -fno-omit-frame-pointer -g -MMD -MP
ifeq ($(DEBUG),1)
COMMON += -DDEBUG -DLOCK_CHECK
endif

# --- arm64: the hypervisor --------------------------------------------------
A64CC := $(CROSS)gcc
A64 := $(BUILD)/arm64
A64_FDT := $(BUILD)/deps/arm64
A64FLAGS := $(COMMON) $(INCLUDE) -Ihv/arch/arm64/include -isystem $(A64_FDT)/include \
	-ffreestanding -fno-pic -mgeneral-regs-only -mstrict-align -mno-outline-atomics \
	-march=armv8-a -mcmodel=small -fno-asynchronous-unwind-tables -ffunction-sections \
	-fstack-protector-strong -mstack-protector-guard=global -fno-builtin-printf
A64OPT = $(if $(filter $(cold-y),$<),-Os,-O2)
A64OBJ := $(patsubst %,$(A64)/%.o,$(core-y) $(arm64-y))

# Flags are an input, and which files are cold: a change of them rebuilds.
$(A64)/flags: FORCE
	@mkdir -p $(@D); echo '$(A64CC) $(A64FLAGS) $(cold-y)' >$@.new; \
		if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(A64)/%.c.o: %.c $(A64)/flags | $(BUILD)/.setup
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC      $<")
	$(Q)$(A64CC) $(A64FLAGS) $(A64OPT) -c -o $@ $<

$(A64)/%.S.o: %.S $(A64)/flags $(A64)/asm-offsets.h | $(BUILD)/.setup
	@mkdir -p $(@D)
	$(if $(Q),@echo "  AS      $<")
	$(Q)$(A64CC) $(A64FLAGS) -I$(A64) -D__ASSEMBLY__ -c -o $@ $<

# Offsets of structure members for assembly.
$(A64)/asm-offsets.h: hv/arch/arm64/asm-offsets.c $(A64)/flags | $(BUILD)/.setup
	@mkdir -p $(@D)
	$(Q)$(A64CC) $(A64FLAGS) -MF $@.d -MT $@ -S -o $@.s $<
	$(Q)sed -n 's/^.*@@ \([A-Z0-9_]*\) #\{0,1\}\(-\{0,1\}[0-9]*\).*$$/#define \1 \2/p' $@.s >$@
	@test -s $@

$(A64)/microvisor.elf: $(A64OBJ) hv/arch/arm64/microvisor.lds
	$(if $(Q),@echo "  LD      $@")
	$(Q)$(CROSS)ld --fatal-warnings -z noexecstack -z max-page-size=4096 --build-id=sha1 --gc-sections \
		-T hv/arch/arm64/microvisor.lds -Map=$@.map -o $@ $(A64OBJ) $(A64_FDT)/lib/libfdt.a $(A64_FDT)/lib/libbearssl.a

$(A64)/microvisor.bin: $(A64)/microvisor.elf
	$(Q)$(CROSS)objcopy -O binary $< $@

# --- host: the core in a process, for tests ---------------------------------
HOSTCC ?= gcc
HOST := $(BUILD)/host
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined
HOSTFLAGS := $(COMMON) $(INCLUDE) -Ihv/arch/host/include -Ihv/arch/host -O1 -DDEBUG -DLOCK_CHECK $(SAN)
# The core's variables lie apart from the test's, so that host_reset() can put
# them all back to their first values (hv/arch/host/harness.h).
HOST_SECTIONS := $(foreach s,.data .data.rel .data.rel.local,--rename-section $(s)=hv_data) \
	--rename-section .bss=hv_bss,alloc,load,data,contents
HOSTOBJ := $(patsubst %,$(HOST)/%.o,$(core-y) $(host-y))
UNIT := $(patsubst tests/unit/%.c,$(HOST)/tests/%,$(wildcard tests/unit/test_*.c)) \
	$(patsubst tests/sim/%.c,$(HOST)/tests/%,$(wildcard tests/sim/test_*.c))

$(HOST)/%.c.o: %.c | $(BUILD)/.setup
	@mkdir -p $(@D)
	$(if $(Q),@echo "  HOSTCC  $<")
	$(Q)$(HOSTCC) $(HOSTFLAGS) -c -o $@ $<
	$(Q)objcopy $(HOST_SECTIONS) $@

$(HOST)/libcore.a: $(HOSTOBJ)
	@rm -f $@; ar rcs $@ $^

$(HOST)/tests/%: tests/unit/%.c $(HOST)/libcore.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  TEST    $@")
	$(Q)$(HOSTCC) $(HOSTFLAGS) -Itests -o $@ $< -Wl,--start-group $(HOST)/libcore.a -Wl,--end-group -lcmocka -lfdt -l:libbearssl.a

$(HOST)/tests/%: tests/sim/%.c $(wildcard tests/sim/*.h) $(HOST)/libcore.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  TEST    $@")
	$(Q)$(HOSTCC) $(HOSTFLAGS) -Itests -o $@ $< $(filter-out $(wildcard tests/sim/test_*.c),$(wildcard tests/sim/*.c)) \
		-Wl,--start-group $(HOST)/libcore.a -Wl,--end-group -lcmocka -lfdt -l:libbearssl.a

.PHONY: unit
unit: $(UNIT)

# --- fuzz: the same core, clang and libFuzzer -------------------------------
FUZZCC ?= clang
FUZZ := $(BUILD)/fuzz
FUZZFLAGS := $(COMMON) $(INCLUDE) -Ihv/arch/host/include -Ihv/arch/host -O1 -DDEBUG -DLOCK_CHECK \
	-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined
FUZZOBJ := $(patsubst %,$(FUZZ)/%.o,$(core-y) $(host-y))
FUZZERS := $(patsubst tests/fuzz/%.c,$(FUZZ)/%,$(wildcard tests/fuzz/fuzz_*.c))

$(FUZZ)/%.c.o: %.c | $(BUILD)/.setup
	@mkdir -p $(@D)
	$(if $(Q),@echo "  FUZZCC  $<")
	$(Q)$(FUZZCC) $(FUZZFLAGS) -c -o $@ $<
	$(Q)objcopy $(HOST_SECTIONS) $@

$(FUZZ)/libcore.a: $(FUZZOBJ)
	@rm -f $@; ar rcs $@ $^

$(FUZZ)/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ)/libcore.a
	$(if $(Q),@echo "  FUZZER  $@")
	$(Q)$(FUZZCC) $(FUZZFLAGS) -fsanitize=fuzzer -Itests -o $@ $< $(wildcard tests/fuzz/common.c) \
		-Wl,--start-group $(FUZZ)/libcore.a -Wl,--end-group -lfdt -l:libbearssl.a

.PHONY: fuzzers
fuzzers: $(FUZZERS)

-include $(wildcard mk/*.mk cli/*.mk)

.PHONY: size
size: $(A64)/microvisor.elf
	@echo "lines of source by module (without tests):"; for m in hv/*/ cli/; do printf "  %-12s %6d\n" $$m $$(cat $$(find $$m -name "*.[chS]" -o -name "*.lds") | grep -cvE "^[[:space:]]*(\*|/\*|//|$$)"); done; $(CROSS)size $<
	@stat -c 'image: %s bytes' $(A64)/microvisor.bin

.PHONY: clean
clean:
	rm -rf $(BUILD)

.PHONY: FORCE
FORCE:

-include $(shell find $(BUILD) -path $(BUILD)/deps -prune -o -name '*.d' -type f -print 2>/dev/null)
