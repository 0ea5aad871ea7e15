# SPDX-License-Identifier: Apache-2.0
#
# Checks that need no run: module order and form, and static analysis.

TIDY ?= clang-tidy
TIDY_FILES := $(filter-out hv/arch/arm64/%,$(filter %.c,$(core-y) $(host-y)))

.PHONY: layers
layers:
	$(Q)HOSTCC='$(HOSTCC)' CROSS='$(CROSS)' scripts/check-layers

# clang-tidy reads .clang-tidy. It is slow, so CI runs `layers` only.
.PHONY: tidy
tidy: | $(BUILD)/.setup
	$(Q)$(TIDY) --quiet $(TIDY_FILES) -- -std=gnu11 -DDEBUG -DLOCK_CHECK $(INCLUDE) \
		-Ihv/arch/host/include -Ihv/arch/host

.PHONY: lint
lint: layers tidy
