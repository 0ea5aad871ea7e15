# SPDX-License-Identifier: Apache-2.0
#
# mvctl: a host program. It shares the parsers of descriptions with the
# hypervisor, compiled here once more without the test build's sanitizers.

MVCTL_OWN := $(wildcard cli/*.c cli/*/*.c)
MVCTL_SRC := $(MVCTL_OWN) hv/vm/bundle.c hv/vm/image.c hv/vm/vmdesc.c \
	hv/vm/vmdesc_passthrough.c hv/vm/vmdesc_vbd.c hv/vm/vmset.c \
	hv/dev/fdt_lib.c hv/lib/fmt.c hv/lib/parse.c hv/mgmt/mgmt_config.c
MVCTL_OBJ := $(patsubst %.c,$(BUILD)/cli/%.o,$(MVCTL_SRC))
MVCTL_VERSION ?= 0.1
MVCTL_INCLUDE := -Icli -Ihv -Iinclude -Ihv/arch/include -Ihv/arch/host/include
MVCTL_LIBS := -lfdt -l:libbearssl.a
MVCTL_FLAGS := $(COMMON) -O2 -D_GNU_SOURCE $(MVCTL_INCLUDE) -DMVCTL_VERSION='"$(MVCTL_VERSION)"' \
	-fstack-protector-strong

$(BUILD)/cli/%.o: %.c cli/cli.mk | $(BUILD)/.setup
	@mkdir -p $(@D)
	$(if $(Q),@echo "  HOSTCC  $<")
	$(Q)$(HOSTCC) $(MVCTL_FLAGS) -c -o $@ $<

$(BUILD)/host/mvctl: $(MVCTL_OBJ)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD      $@")
	$(Q)$(HOSTCC) -o $@ $(MVCTL_OBJ) $(MVCTL_LIBS)
