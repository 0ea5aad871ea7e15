# SPDX-License-Identifier: Apache-2.0
#
# mvctl's code in tests: units (tests/unit/test_mvctl_*.c) and its fuzz target.
# It has a heap of its own, so it isn't linked with the core.

MVCTL_TEST_SRC := $(filter-out cli/main.c,$(MVCTL_SRC))
MVCTL_TEST_FLAGS := $(COMMON) -O1 -D_GNU_SOURCE $(MVCTL_INCLUDE) -Itests

$(HOST)/mvctl-test/%.o: %.c | $(BUILD)/.setup
	@mkdir -p $(@D)
	$(if $(Q),@echo "  HOSTCC  $<")
	$(Q)$(HOSTCC) $(MVCTL_TEST_FLAGS) $(SAN) -c -o $@ $<

$(HOST)/libmvctl.a: $(MVCTL_TEST_SRC:%.c=$(HOST)/mvctl-test/%.o)
	@mkdir -p $(@D); rm -f $@; ar rcs $@ $^

$(patsubst tests/unit/%.c,$(HOST)/tests/%,$(wildcard tests/unit/test_mvctl_*.c)): \
		$(HOST)/tests/%: tests/unit/%.c $(HOST)/libmvctl.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  TEST    $@")
	$(Q)$(HOSTCC) $(MVCTL_TEST_FLAGS) $(SAN) -o $@ $< $(HOST)/libmvctl.a -lcmocka $(MVCTL_LIBS)

$(FUZZ)/mvctl-test/%.o: %.c | $(BUILD)/.setup
	@mkdir -p $(@D)
	$(if $(Q),@echo "  FUZZCC  $<")
	$(Q)$(FUZZCC) $(MVCTL_TEST_FLAGS) -fsanitize=address,undefined,fuzzer-no-link \
		-fno-sanitize-recover=undefined -c -o $@ $<

$(FUZZ)/libmvctl.a: $(MVCTL_TEST_SRC:%.c=$(FUZZ)/mvctl-test/%.o)
	@mkdir -p $(@D); rm -f $@; ar rcs $@ $^

$(FUZZ)/fuzz_mvctl: tests/fuzz/fuzz_mvctl.c $(FUZZ)/libmvctl.a
	$(if $(Q),@echo "  FUZZER  $@")
	$(Q)$(FUZZCC) $(MVCTL_TEST_FLAGS) -fsanitize=address,undefined,fuzzer \
		-fno-sanitize-recover=undefined -o $@ $< $(FUZZ)/libmvctl.a $(MVCTL_LIBS)

# A node in a process, for tests/cli.
$(HOST)/hostnode: tests/cli/hostnode.c $(wildcard tests/unit/*.h) $(HOST)/libcore.a
	$(if $(Q),@echo "  TEST    $@")
	$(Q)$(HOSTCC) $(HOSTFLAGS) -Itests -Itests/unit -o $@ $< \
		-Wl,--start-group $(HOST)/libcore.a -Wl,--end-group -lcmocka -lfdt -l:libbearssl.a

unit: $(HOST)/hostnode
