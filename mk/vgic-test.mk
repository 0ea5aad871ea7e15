# SPDX-License-Identifier: Apache-2.0
#
# The arm64 vGIC in host tests: its headers, with the hardware's side replaced
# by tests/vgic/asm. `private`: the core that the tests link keeps its flags.

VGIC_TEST_INCLUDE := -Itests/vgic
VGIC_TEST_INCLUDE_LATE := -Ihv/arch/arm64/include

$(HOST)/tests/test_vgic: private HOSTFLAGS := $(VGIC_TEST_INCLUDE) $(HOSTFLAGS) $(VGIC_TEST_INCLUDE_LATE)
$(HOST)/tests/test_vgic: hv/arch/arm64/vgic.c hv/arch/arm64/vgic_mmio.c $(wildcard tests/vgic/*.h tests/vgic/asm/*.h)
$(FUZZ)/fuzz_vgic: private FUZZFLAGS := $(VGIC_TEST_INCLUDE) $(FUZZFLAGS) $(VGIC_TEST_INCLUDE_LATE)
$(FUZZ)/fuzz_vgic: hv/arch/arm64/vgic.c hv/arch/arm64/vgic_mmio.c $(wildcard tests/vgic/*.h tests/vgic/asm/*.h)
