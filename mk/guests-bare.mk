# SPDX-License-Identifier: Apache-2.0
#
# Bare-metal test guests: tests/guest/NAME.c becomes build/guests/bare/NAME.img,
# an arm64 Linux "Image". tests/guest/NAME.cfg describes the VM it wants.

BARE := $(BUILD)/guests/bare
BARE_NAMES := $(patsubst tests/guest/%.c,%,$(wildcard tests/guest/*.c))
BARE_IMAGES := $(patsubst %,$(BARE)/%.img,$(BARE_NAMES))
BARE_CFLAGS := -std=gnu11 $(WARN) -O2 -g -ffreestanding -fpie -fvisibility=hidden \
	-fno-builtin -fno-stack-protector -fno-common -fno-asynchronous-unwind-tables \
	-mgeneral-regs-only -mstrict-align -mno-outline-atomics -march=armv8-a -MMD -MP \
	-include tests/guest/lib/hidden.h
BARE_LIB := $(patsubst tests/guest/lib/%,$(BARE)/lib/%.o,\
	$(wildcard tests/guest/lib/*.c tests/guest/lib/*.S))

.PHONY: guests-bare
guests-bare: $(BARE_IMAGES)

$(BARE)/%.c.o: tests/guest/%.c mk/guests-bare.mk | $(BUILD)/.setup
	@mkdir -p $(@D)
	$(if $(Q),@echo "  GUEST   $<")
	$(Q)$(A64CC) $(BARE_CFLAGS) -c -o $@ $<

$(BARE)/%.S.o: tests/guest/%.S mk/guests-bare.mk | $(BUILD)/.setup
	@mkdir -p $(@D)
	$(Q)$(A64CC) -c -o $@ $<

# The hypervisor's memcpy and memset, beside the guest's own.
$(BARE)/mem.S.o: hv/arch/arm64/mem.S mk/guests-bare.mk | $(BUILD)/.setup
	@mkdir -p $(@D)
	$(Q)$(A64CC) -c -o $@ $<
	$(Q)$(CROSS)objcopy --redefine-sym memcpy=hv_memcpy --redefine-sym memset=hv_memset $@

$(BARE)/copy.elf: BARE_MORE := $(BARE)/mem.S.o
$(BARE)/copy.elf: $(BARE)/mem.S.o

$(BARE)/%.elf: $(BARE)/%.c.o $(BARE_LIB) tests/guest/lib/guest.lds
	$(Q)$(CROSS)ld -pie --no-dynamic-linker -Bsymbolic -z norelro -z noexecstack \
		-z max-page-size=4096 --no-warn-rwx-segments \
		-T tests/guest/lib/guest.lds -o $@ $< $(BARE_LIB) $(BARE_MORE)

$(BARE)/%.img: $(BARE)/%.elf
	$(Q)$(CROSS)objcopy -O binary $< $@

.PRECIOUS: $(BARE)/%.elf $(BARE)/%.c.o
