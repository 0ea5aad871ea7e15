# SPDX-License-Identifier: Apache-2.0
#
# The core once more under ThreadSanitizer, driven by several threads that act
# as CPUs (tests/tsan).

TSAN := $(BUILD)/tsan
TSANFLAGS := $(COMMON) $(INCLUDE) -Ihv/arch/host/include -Ihv/arch/host -Itests -O1 -DDEBUG \
	-DLOCK_CHECK -fsanitize=thread -Wno-tsan
TSANOBJ := $(patsubst %,$(TSAN)/%.o,$(core-y) $(host-y))

$(TSAN)/%.c.o: %.c | $(BUILD)/.setup
	@mkdir -p $(@D)
	$(if $(Q),@echo "  TSANCC  $<")
	$(Q)$(HOSTCC) $(TSANFLAGS) -c -o $@ $<
	$(Q)objcopy $(HOST_SECTIONS) $@

$(TSAN)/libcore.a: $(TSANOBJ)
	@rm -f $@; ar rcs $@ $^

$(HOST)/tests/tsan_%: tests/tsan/%.c $(TSAN)/libcore.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  TEST    $@")
	$(Q)$(HOSTCC) $(TSANFLAGS) -o $@ $< -Wl,--start-group $(TSAN)/libcore.a -Wl,--end-group \
		-lcmocka -lfdt -l:libbearssl.a

unit: $(patsubst tests/tsan/%.c,$(HOST)/tests/tsan_%,$(wildcard tests/tsan/*.c))
