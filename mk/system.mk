# SPDX-License-Identifier: Apache-2.0
#
# What surrounds the hypervisor: set-up of the machine, guests, demo, system
# tests and benchmarks. Included by the top Makefile, which has the targets
# "all" (hypervisor, mvctl), "unit" and "fuzzers".

JOBS ?= $(shell nproc)
# Debian's own: the packages of scripts/setup belong to it.
PYTHON ?= /usr/bin/python3
GUEST_CC := aarch64-linux-gnu-gcc
GUEST_CFLAGS := -std=gnu11 -O2 -static -s -Werror -Wall -Wextra -Wshadow \
	-Wconversion -Wmissing-prototypes -Wvla -Wundef

# Packages and downloads. Everything that compiles needs it first.
build/.setup: scripts/setup
	@scripts/setup

.PHONY: check-programs
check-programs: unit fuzzers

.PHONY: help setup run shell check soak guests bench bench-net bench-blk bench-create \
	bench-guests bench-blk-guests

help:
	@printf '%s\n' \
		'make run          set up, build, boot four Debian guests, check what they can do' \
		'make check        set up, build, run all tests' \
		'make shell        the machine of "make run" at your terminal' \
		'make soak         long tests (tests/soak): disks, power cuts, restarts, cycles, 16 GiB, floods' \
		'make bench        all benchmarks: bench-net, bench-blk, bench-create' \
		'make bench-net    packets between guests and to the wire, in instructions: build/bench/net.json' \
		'make bench-blk    requests to disks in instructions: build/bench/blk.json' \
		'make bench-create  making and ending VMs in instructions: build/bench/create.json' \
		'make setup        install packages and download what the guests need' \
		'make              the hypervisor and mvctl' \
		'make guests       kernel and initrd of the demo guests' \
		'make guests-bare  bare-metal test guests (tests/guest)' \
		'make unit         unit, simulation and thread tests: build/host/tests' \
		'make fuzzers      fuzz targets: build/fuzz' \
		'make layers       checks that need no run: module order, licence tags, form' \
		'make lint         layers, and clang-tidy over the core (slow)' \
		'make size         size of the hypervisor' \
		'make clean        remove build/, downloads included' \
		'Variables: V=1 shows commands, DEBUG=1 builds with assertions and lock checks'

setup: build/.setup

# The targets below are for people: they set the machine up first and then
# build with all CPUs. (A second make, since the set-up may install compilers.)
run: build/.setup
	@scripts/timed "build" $(MAKE) --no-print-directory -j$(JOBS) all guests
	@$(PYTHON) scripts/demo.py

shell: build/.setup
	@scripts/timed "build" $(MAKE) --no-print-directory -j$(JOBS) all guests
	@$(PYTHON) scripts/demo.py --shell

check: build/.setup
	@scripts/setup --extra-kernels
	@scripts/timed "build" $(MAKE) --no-print-directory -j$(JOBS) all \
		check-programs guests extra-guests storage-guests bench-guests guests-bare
	@$(PYTHON) tests/run-check

# Too long to be a part of check.
soak: build/.setup
	@scripts/timed "build" $(MAKE) --no-print-directory -j$(JOBS) all guests \
		storage-guests guests-bare bench-guests build/guests/debian-soak.img \
		build/guests/storage-lvm.cpio.gz \
		build/guests/tiny.img
	@$(PYTHON) -B -m pytest -q -p no:cacheprovider tests/soak

bench: bench-net bench-blk bench-create

bench-net: build/.setup
	@scripts/timed "build" $(MAKE) --no-print-directory -j$(JOBS) all \
		bench-guests
	@$(PYTHON) bench/run-net

bench-blk: build/.setup
	@scripts/timed "build" $(MAKE) --no-print-directory -j$(JOBS) all \
		bench-blk-guests
	@$(PYTHON) bench/run-blk

bench-create: build/.setup
	@scripts/timed "build" $(MAKE) --no-print-directory -j$(JOBS) all \
		guests build/guests/tiny.img build/bench/insn-create.so
	@$(PYTHON) bench/run-create

# Guests

# The driver domain has a kernel of its own (scripts/setup).
DRIVER_DOMAIN := build/guests/Image-driver-domain build/guests/driver-domain.cpio.gz

guests: build/guests/Image build/guests/demo.cpio.gz $(DRIVER_DOMAIN) \
	build/guests/driver-domain-lvm.cpio.gz \
	build/guests/debian.cpio.gz build/guests/debian.img

build/guests/Image: build/.setup
	@mkdir -p $(@D)
	@cp build/deps/kernel/standard/Image $@

build/guests/Image-driver-domain: build/.setup
	@mkdir -p $(@D)
	@cp build/deps/kernel/driver-domain/Image $@

build/guests/agent: guests/common/agent.c | build/.setup
	@mkdir -p $(@D)
	@echo "  GUEST $@"
	@$(GUEST_CC) $(GUEST_CFLAGS) -o $@ $<

DEMO_PARTS := guests/demo/mkinitrd guests/demo/init guests/demo/udhcpc-script \
	guests/common/initrd.py \
	build/guests/agent

build/guests/demo.cpio.gz: $(DEMO_PARTS) build/.setup
	@echo "  INITRD $@"
	@$(PYTHON) guests/demo/mkinitrd standard $@

# A whole Debian on a disk. The image is made once: it takes a minute or two,
# and downloads packages.

build/guests/debian.cpio.gz: $(addprefix guests/debian/,mkinitrd init agent.service \
		autologin.conf masked) guests/common/initrd.py build/guests/agent build/.setup
	@echo "  INITRD $@"
	@$(PYTHON) guests/debian/mkinitrd standard $@

build/guests/debian.img: guests/debian/mkimage | build/.setup
	@mkdir -p $(@D)
	@scripts/timed "make Debian's image" guests/debian/mkimage $@ 300

# The same with tools that test disks, for make soak.
build/guests/debian-soak.img: guests/debian/mkimage | build/.setup
	@mkdir -p $(@D)
	@scripts/timed "make Debian's image with tools" guests/debian/mkimage $@ 900 \
		fio xfsprogs hdparm procps kmod

# The driver domain

UPLINK_SOURCES := $(wildcard guests/driver-domain/*.c)

build/guests/uplink-init: $(UPLINK_SOURCES) guests/driver-domain/dd.h | build/.setup
	@mkdir -p $(@D)
	@echo "  GUEST $@"
	@$(GUEST_CC) $(GUEST_CFLAGS) -o $@ $(UPLINK_SOURCES)

build/guests/driver-domain.cpio.gz: guests/driver-domain/mkinitrd guests/common/initrd.py \
		build/guests/uplink-init build/.setup
	@echo "  INITRD $@"
	@$(PYTHON) guests/driver-domain/mkinitrd driver-domain $@

build/guests/driver-domain-lvm.cpio.gz: build/guests/driver-domain.cpio.gz
	@echo "  INITRD $@"
	@$(PYTHON) guests/driver-domain/mkinitrd --lvm driver-domain $@

# The same with the modules of other kernels (scripts/setup --extra-kernels).
EXTRA_INITRDS := build/guests/demo-cloud.cpio.gz build/guests/demo-rt.cpio.gz

.PHONY: extra-guests
extra-guests: $(EXTRA_INITRDS)

$(EXTRA_INITRDS): build/guests/demo-%.cpio.gz: $(DEMO_PARTS)
	@echo "  INITRD $@"
	@$(PYTHON) guests/demo/mkinitrd $* $@

# Disks: the demo guest with an AoE server and tools for file systems.

.PHONY: storage-guests
storage-guests: build/guests/Image build/guests/storage.cpio.gz

build/guests/blocks: guests/storage/blocks.c | build/.setup
	@mkdir -p $(@D)
	@echo "  GUEST $@"
	@$(GUEST_CC) $(GUEST_CFLAGS) -o $@ $<

build/guests/storage.cpio.gz: guests/storage/mkinitrd $(DEMO_PARTS) build/guests/blocks
	@echo "  INITRD $@"
	@$(PYTHON) guests/storage/mkinitrd standard $@

build/guests/storage-lvm.cpio.gz: build/guests/storage.cpio.gz
	@echo "  INITRD $@"
	@$(PYTHON) guests/storage/mkinitrd --lvm standard $@

# Benchmarks

bench-guests: build/guests/Image build/guests/bench.cpio.gz \
	$(DRIVER_DOMAIN) build/bench/insn-split.so build/bench/nt

build/guests/nt: bench/nt/nt.c | build/.setup
	@mkdir -p $(@D)
	@echo "  GUEST $@"
	@$(GUEST_CC) $(GUEST_CFLAGS) -o $@ $<

# The same tool for this machine, at the other end of the wire.
build/bench/nt: bench/nt/nt.c | build/.setup
	@mkdir -p $(@D)
	@echo "  TOOL $@"
	@gcc $(filter-out -static,$(GUEST_CFLAGS)) -o $@ $<

build/guests/bench.cpio.gz: bench/guest/mkinitrd bench/guest/init \
		bench/guest/bench guests/common/initrd.py build/guests/agent \
		build/guests/nt build/.setup
	@echo "  INITRD $@"
	@$(PYTHON) bench/guest/mkinitrd standard $@

bench-blk-guests: build/guests/Image build/guests/bench-blk.cpio.gz \
	$(DRIVER_DOMAIN) build/bench/insn-split.so

build/guests/bd: bench/blk/bd.c | build/.setup
	@mkdir -p $(@D)
	@echo "  GUEST $@"
	@$(GUEST_CC) $(GUEST_CFLAGS) -o $@ $<

build/guests/bench-blk.cpio.gz: bench/blk/mkinitrd bench/blk/init guests/common/initrd.py \
		build/guests/agent build/guests/bd build/.setup
	@echo "  INITRD $@"
	@$(PYTHON) bench/blk/mkinitrd standard $@

build/guests/tiny.img: bench/create/tiny.S | build/.setup
	@mkdir -p $(@D)
	@echo "  GUEST $@"
	@$(GUEST_CC) -c -o $(@:.img=.o) $<
	@aarch64-linux-gnu-objcopy -O binary $(@:.img=.o) $@

build/bench/insn-%.so: bench/insn-%.c | build/.setup
	@mkdir -p $(@D)
	@echo "  PLUGIN $@"
	@gcc -std=gnu11 -O2 -fPIC -shared -Werror -Wall -Wextra -Wshadow \
		-Wconversion -o $@ $<
