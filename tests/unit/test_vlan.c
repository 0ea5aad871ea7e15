/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VLAN classification and tags.
 */
#include "unit.h"

#include "frame_make.h"
#include "kern/lock.h"
#include "net/vlan.h"

static struct net_port access_port(uint16_t vlan)
{
	return (struct net_port){ .config = { .vlan = vlan } };
}

static struct net_port trunk_port(uint16_t native, uint16_t a, uint16_t b)
{
	return (struct net_port){
		.config = { .vlan = native, .trunk = { a, b }, .trunk_count = 2 },
	};
}

/* Room for a tag before it, as the contract wants. */
static uint16_t text[(NET_HEAD_ROOM + NET_HEAD_MAX) / 2];

static struct net_frame frame(int vlan)
{
	struct frame_make m = {
		.dst = { 2, 0, 0, 0, 0, 9 }, .src = { 2, 0, 0, 0, 0, 1 }, .vlan = vlan,
		.udp = true, .payload = 18,
	};
	uint8_t *head = (uint8_t *)text + NET_HEAD_ROOM;
	uint32_t len = (uint32_t)frame_write(head, &m);

	return (struct net_frame){ .head = head, .head_len = len, .len = len };
}

static void test_access(void **state)
{
	struct net_port none = access_port(0);
	struct net_port ten = access_port(10);
	struct net_frame f = frame(-1);

	assert_true(vlan_ingress(&none, &f));
	assert_int_equal(f.vlan, 0);
	assert_true(vlan_ingress(&ten, &f));
	assert_int_equal(f.vlan, 10);
	/* No tags on an access port, not even its own VLAN's. */
	f = frame(10);
	assert_false(vlan_ingress(&ten, &f));
	assert_false(vlan_ingress(&none, &f));
	assert_int_equal(vlan_egress(&ten, 10), VLAN_UNTAGGED);
	assert_int_equal(vlan_egress(&ten, 0), VLAN_NOT);
	assert_int_equal(vlan_egress(&ten, 11), VLAN_NOT);
	assert_int_equal(vlan_egress(&none, 0), VLAN_UNTAGGED);
	(void)state;
}

static void test_priority_tag(void **state)
{
	struct net_port ten = access_port(10);
	struct net_frame f = frame(0xa000);	/* priority 5, VLAN 0 */
	uint32_t len = f.len;

	assert_true(vlan_ingress(&ten, &f));
	assert_int_equal(f.vlan, 10);
	assert_int_equal(f.prio, 0xa000);
	assert_int_equal(f.len, len - 4);
	assert_int_equal(frame_get16(f.head + 12), 0x0800);
	assert_int_equal(f.head[5], 9);
	assert_int_equal(f.head[11], 1);
	(void)state;
}

static void test_trunk(void **state)
{
	struct net_port p = trunk_port(7, 20, 30);
	struct net_frame f = frame(20);

	assert_true(vlan_ingress(&p, &f));
	assert_int_equal(f.vlan, 20);
	f = frame(-1);
	assert_true(vlan_ingress(&p, &f));
	assert_int_equal(f.vlan, 7);
	f = frame(7);		/* the native VLAN passes untagged only */
	assert_false(vlan_ingress(&p, &f));
	f = frame(21);
	assert_false(vlan_ingress(&p, &f));
	f = frame(0xfff);
	assert_false(vlan_ingress(&p, &f));
	assert_int_equal(vlan_egress(&p, 7), VLAN_UNTAGGED);
	assert_int_equal(vlan_egress(&p, 20), VLAN_TAGGED);
	assert_int_equal(vlan_egress(&p, 30), VLAN_TAGGED);
	assert_int_equal(vlan_egress(&p, 0), VLAN_NOT);
	(void)state;
}

static void test_uplink(void **state)
{
	struct net_port p = { .config = { .uplink = true } };
	struct net_frame f = frame(4000);

	assert_true(vlan_ingress(&p, &f));
	assert_int_equal(f.vlan, 4000);
	f = frame(0xfff);	/* reserved */
	assert_false(vlan_ingress(&p, &f));
	assert_int_equal(vlan_egress(&p, 0), VLAN_UNTAGGED);
	assert_int_equal(vlan_egress(&p, 1), VLAN_TAGGED);
	/* One that is limited to some. */
	p = trunk_port(7, 20, 30);
	p.config.uplink = true;
	f = frame(30);
	assert_true(vlan_ingress(&p, &f));
	f = frame(21);
	assert_false(vlan_ingress(&p, &f));
	assert_int_equal(vlan_egress(&p, 7), VLAN_UNTAGGED);
	assert_int_equal(vlan_egress(&p, 0), VLAN_NOT);
	assert_int_equal(vlan_egress(&p, 21), VLAN_NOT);
	(void)state;
}

/* A second tag would become the first one at the next trunk. */
static void test_stacked(void **state)
{
	struct net_port trunk = trunk_port(7, 20, 30);
	struct net_port ten = access_port(10);
	struct net_frame f = frame(20);

	frame_be16(f.head + 16, 0x8100);
	assert_false(vlan_ingress(&trunk, &f));
	f = frame(0);
	frame_be16(f.head + 16, 0x8100);
	assert_false(vlan_ingress(&ten, &f));
	/* A tag cut off. */
	f = frame(20);
	f.len = 16;
	f.head_len = 16;
	assert_false(vlan_ingress(&trunk, &f));
	(void)state;
}

static void test_tag_and_back(void **state)
{
	struct net_port p = trunk_port(0, 20, 30);
	struct net_frame f = frame(-1);
	struct net_frame tagged;
	uint16_t head[(NET_HEAD_MAX + 4) / 2];
	uint8_t before[128];

	memcpy(before, f.head, f.len);
	f.vlan = 20;
	f.prio = 0x6000;
	vlan_tag(&f, &tagged, (uint8_t *)head);
	assert_true(tagged.tagged);
	assert_int_equal(tagged.len, f.len + 4);
	assert_int_equal(frame_get16(tagged.head + 12), 0x8100);
	assert_int_equal(frame_get16(tagged.head + 14), 0x6014);
	assert_memory_equal(f.head, before, f.len);
	assert_true(vlan_ingress(&p, &tagged));
	assert_int_equal(tagged.vlan, 20);
	assert_int_equal(tagged.len, f.len);
	assert_memory_equal(tagged.head, before, f.len);
	(void)state;
}

UNIT_MAIN(UNIT_TEST(test_access), UNIT_TEST(test_priority_tag), UNIT_TEST(test_trunk),
	  UNIT_TEST(test_uplink), UNIT_TEST(test_stacked), UNIT_TEST(test_tag_and_back))
