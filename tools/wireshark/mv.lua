-- SPDX-License-Identifier: Apache-2.0
--
-- Wireshark dissector of Microvisor's management protocol, EtherType 0x88B5
-- (docs/management-protocol.md, include/mv/proto.h).
--
--   wireshark -X lua_script:mv.lua        tshark -X lua_script:mv.lua
--
-- or copied to the folder of personal Lua plugins (Help, About, Folders).
--
-- Sealed packets of nodes with a key can't be read: their session's keys are
-- made anew each time. They are known by the OPENED packet that began it, or
-- by what can't be a request or a reply.

local mv = Proto("mv", "Microvisor management")

local kinds = {
	[1] = "DISCOVER", [2] = "ANNOUNCE", [3] = "OPEN", [4] = "OPENED",
	[5] = "GONE", [6] = "REQUEST", [7] = "REPLY", [8] = "NOTIFY",
}

local verbs = {
	[0x01] = "PING", [0x02] = "NODE_INFO", [0x03] = "CLOSE",
	[0x04] = "NODE_POWER", [0x05] = "CPU_LIST", [0x10] = "VM_LIST",
	[0x11] = "VM_INFO", [0x12] = "VCPU_LIST", [0x13] = "VM_CREATE",
	[0x14] = "VM_DESTROY", [0x15] = "VM_SHUTDOWN", [0x16] = "VM_REBOOT",
	[0x17] = "VM_RESTART", [0x18] = "VM_START", [0x19] = "VM_PAUSE",
	[0x1a] = "VM_UNPAUSE", [0x1b] = "VM_RENAME", [0x1c] = "VM_MEMORY",
	[0x1d] = "VCPU_SET", [0x1e] = "VCPU_ONLINE", [0x1f] = "TOP",
	[0x20] = "VIF_LIST", [0x21] = "VIF_ATTACH", [0x22] = "VIF_DETACH",
	[0x28] = "VBD_LIST", [0x29] = "VBD_ATTACH", [0x2a] = "VBD_DETACH",
	[0x30] = "BLOB_PUT", [0x38] = "IMAGE_LIST", [0x39] = "IMAGE_BEGIN",
	[0x3a] = "IMAGE_DATA", [0x3b] = "IMAGE_STATUS", [0x3c] = "IMAGE_REMOVE",
	[0x40] = "STREAM_READ", [0x41] = "STREAM_WATCH",
	[0x42] = "CONSOLE_WRITE", [0x50] = "PORT_LIST", [0x51] = "FDB_LIST",
	[0x52] = "COUNTERS", [0x58] = "CAPTURE_START", [0x59] = "CAPTURE_STOP",
	[0x5a] = "CAPTURE_LIST",
}

local statuses = {
	[0] = "OK", [1] = "UNSUPPORTED", [2] = "MALFORMED", [3] = "INVALID",
	[4] = "NOT_FOUND", [5] = "EXISTS", [6] = "BUSY", [7] = "NO_MEMORY",
	[8] = "NO_SPACE", [9] = "STALE", [10] = "INCOMPLETE",
	[11] = "MISMATCH", [12] = "FAILED",
}

local vm_states = {
	[0] = "off", [1] = "building", [2] = "running", [3] = "ending",
	[4] = "kept", [5] = "failed", [6] = "paused",
}

local image_states = {
	[0] = "partial", [1] = "checking", [2] = "ready", [3] = "bad",
}

local stream_kinds = {
	[1] = "log", [2] = "console", [3] = "events", [4] = "capture",
}

-- Fields: { key, kind, name, value strings }.
local declared = {
	{ "version", "uint8", "Version" },
	{ "kind", "uint8", "Kind", kinds },
	{ "length", "uint16", "Length" },
	{ "session", "uint32", "Session", nil, base.HEX },
	{ "counter", "uint64", "Counter" },
	{ "sealed", "bytes", "Sealed payload and tag" },
	{ "nonce", "bytes", "Nonce" },
	{ "node_nonce", "bytes", "Node's nonce" },
	{ "challenge", "bytes", "Challenge" },
	{ "point", "bytes", "X25519 public value" },
	{ "mac", "bytes", "MAC" },
	{ "name", "stringz", "Name" },
	{ "new_name", "stringz", "New name" },
	{ "node_id", "bytes", "Node id" },
	{ "boot_id", "uint64", "Boot id", nil, base.HEX },
	{ "keyed", "bool", "Key needed" },
	{ "version_min", "uint8", "Oldest version" },
	{ "version_max", "uint8", "Newest version" },
	{ "packet_max", "uint16", "Longest packet" },
	{ "idle_ms", "uint32", "Ends when idle (ms)" },
	{ "change_window", "uint32", "Replies kept" },
	{ "id", "uint32", "Request id" },
	{ "verb", "uint16", "Verb", verbs, base.HEX },
	{ "flags", "uint16", "Flags", nil, base.HEX },
	{ "status", "uint16", "Status", statuses },
	{ "part", "uint16", "Part" },
	{ "parts", "uint16", "Parts" },
	{ "text", "string", "Text" },
	{ "body", "bytes", "Body" },
	{ "cursor", "uint32", "Cursor" },
	{ "arg", "uint32", "Argument" },
	{ "next", "uint32", "Next cursor" },
	{ "count", "uint16", "Entries" },
	{ "entry_size", "uint16", "Size of an entry" },
	{ "now", "uint64", "Time since start (ns)" },
	{ "entry", "bytes", "Entry" },
	{ "vm", "uint32", "VM" },
	{ "vm_state", "uint8", "State", vm_states },
	{ "vcpu", "uint8", "vCPU" },
	{ "vcpus", "uint8", "vCPUs" },
	{ "memory", "uint64", "Memory (KiB)" },
	{ "blob", "uint32", "Blob", nil, base.HEX },
	{ "size", "uint64", "Size" },
	{ "size32", "uint32", "Size" },
	{ "offset", "uint64", "Offset" },
	{ "offset32", "uint32", "Offset" },
	{ "missing", "uint32", "First missing" },
	{ "sha256", "bytes", "SHA-256" },
	{ "image", "uint32", "Image", nil, base.HEX },
	{ "ask", "bool", "Answer wanted" },
	{ "image_state", "uint8", "State", image_states },
	{ "have", "uint64", "There without a gap" },
	{ "checked", "uint64", "Checked" },
	{ "more", "bytes", "More chunks" },
	{ "stream", "uint8", "Stream", stream_kinds },
	{ "on", "bool", "On" },
	{ "object", "uint32", "Object" },
	{ "epoch", "uint32", "Epoch" },
	{ "oldest", "uint64", "Oldest" },
	{ "end", "uint64", "End" },
	{ "data", "bytes", "Data" },
	{ "version_text", "stringz", "Version" },
	{ "machine", "stringz", "Machine" },
	{ "disk", "stringz", "Disk" },
	{ "target", "stringz", "Target" },
	{ "port", "uint32", "Port" },
	{ "capture", "uint32", "Capture" },
	{ "value", "uint64", "Value" },
	{ "ethernet", "ether", "MAC" },
}

local f = {}
for _, d in ipairs(declared) do
	local key, kind, name, strings, how = d[1], d[2], d[3], d[4], d[5]

	if kind == "stringz" or kind == "string" or kind == "bytes" or
	   kind == "ether" or kind == "bool" then
		f[key] = ProtoField[kind]("mv." .. key, name)
	else
		f[key] = ProtoField[kind]("mv." .. key, name,
					  how or base.DEC, strings)
	end
end
mv.fields = f

local bad_length = ProtoExpert.new("mv.bad_length", "Length doesn't fit",
	expert.group.MALFORMED, expert.severity.ERROR)
local refused = ProtoExpert.new("mv.refused", "Refused",
	expert.group.RESPONSE_CODE, expert.severity.NOTE)
mv.experts = { bad_length, refused }

-- Layouts: rows of { key or nil, bytes }; nil is passed over.
local vm_ref = { { "vm", 4 }, { nil, 4 }, { "name", 64 } }
local vm = {
	{ "vm", 4 }, { "vm_state", 1 }, { nil, 1 }, { "vcpus", 1 }, { nil, 1 },
	{ "memory", 8 }, { nil, 56 }, { "name", 64, at = 64 },
}
local cursor = { { "cursor", 4 }, { "arg", 4 } }
local image_ack = {
	{ "image", 4 }, { "image_state", 1 }, { nil, 3 }, { "size", 8 },
	{ "have", 8 }, { "checked", 8 }, { "more", 32 },
}
local stream_data = {
	{ "stream", 1 }, { nil, 3 }, { "object", 4 }, { "epoch", 4 },
	{ "size32", 4 }, { "offset", 8 }, { "oldest", 8 }, { "end", 8 },
	{ "data", -1 },
}

local function with(layout, ...)
	local out = {}

	for _, row in ipairs(layout) do out[#out + 1] = row end
	for _, row in ipairs({ ... }) do out[#out + 1] = row end
	return out
end

local requests = {
	[0x11] = vm_ref, [0x14] = vm_ref, [0x15] = vm_ref, [0x16] = vm_ref,
	[0x17] = vm_ref, [0x18] = vm_ref, [0x19] = vm_ref, [0x1a] = vm_ref,
	[0x05] = cursor, [0x10] = cursor, [0x12] = cursor, [0x1f] = cursor,
	[0x20] = cursor, [0x28] = cursor, [0x38] = cursor, [0x50] = cursor, [0x51] = cursor,
	[0x52] = cursor, [0x5a] = cursor,
	[0x13] = { { "blob", 4 } },
	[0x1b] = with(vm_ref, { "new_name", 64 }),
	[0x1c] = with(vm_ref, { "memory", 8 }),
	[0x1d] = with(vm_ref, { "vcpu", 1 }),
	[0x1e] = with(vm_ref, { "arg", 4 }),
	[0x29] = with(vm_ref, { "disk", 16 }, { "target", 64 }),
	[0x2a] = with(vm_ref, { "disk", 16 }),
	[0x30] = { { "blob", 4 }, { "size32", 4 }, { "offset32", 4 },
		   { nil, 4 }, { "data", -1 } },
	[0x39] = { { "sha256", 32 }, { "size", 8 }, { "name", 64 } },
	[0x3a] = { { "image", 4 }, { nil, 3 }, { "ask", 1 }, { "offset", 8 },
		   { "data", -1 } },
	[0x3b] = { { "sha256", 32 } }, [0x3c] = { { "sha256", 32 } },
	[0x40] = { { "stream", 1 }, { nil, 3 }, { "object", 4 },
		   { "offset", 8 } },
	[0x41] = { { "stream", 1 }, { "on", 1 }, { nil, 2 }, { "object", 4 } },
	[0x42] = with(vm_ref, { "size32", 4 }, { nil, 4 }, { "data", -1 }),
	[0x58] = { { "port", 4 } }, [0x59] = { { "capture", 4 } },
}

local replies = {
	[0x02] = { { "node_id", 16 }, { "boot_id", 8 }, { "now", 8 },
		   { "name", 64 }, { "version_text", 32 }, { "machine", 64 } },
	[0x11] = vm, [0x13] = vm,
	[0x29] = { { "disk", 16 }, { "target", 64 } },
	[0x30] = { { "blob", 4 }, { "missing", 4 } },
	[0x39] = image_ack, [0x3a] = image_ack, [0x3b] = image_ack,
	[0x40] = stream_data,
	[0x58] = { { "capture", 4 }, { "port", 4 } },
}

local entries = {
	[0x10] = vm,
	[0x1f] = { { "vm", 4 }, { "vm_state", 1 }, { "vcpus", 1 }, { nil, 98 },
		   { "name", 64 } },
	[0x38] = { { "sha256", 32 }, { "size", 8 }, { "have", 8 }, { nil, 12 },
		   { "image_state", 1 }, { nil, 3 }, { "name", 64 } },
	[0x28] = { { "disk", 16 }, { "target", 64 } },
	[0x50] = { { "port", 4 }, { nil, 4 }, { "vm", 4 }, { nil, 4 },
		   { "ethernet", 6 }, { nil, 42 }, { "name", 24 } },
	[0x51] = { { "ethernet", 6 }, { nil, 2 }, { "port", 4 } },
	[0x52] = { { "name", 32 }, { "value", 8 } },
}

-- Show a layout's fields as far as the bytes reach.
local function show(tree, range, layout)
	local at = 0

	for _, row in ipairs(layout) do
		local key, len = row[1], row[2]

		at = row.at or at
		if len < 0 then len = range:len() - at end
		if len <= 0 or at + len > range:len() then return end
		if key then tree:add(f[key], range(at, len)) end
		at = at + len
	end
end

local function show_list(tree, range, verb)
	local count, size = range(4, 2):uint(), range(6, 2):uint()
	local layout, at = entries[verb] or { { "entry", -1 } }, 16

	show(tree, range, { { "next", 4 }, { "count", 2 }, { "entry_size", 2 },
			    { "now", 8 } })
	for n = 1, count do
		if size == 0 or at + size > range:len() then return end
		show(tree:add(mv, range(at, size), "Entry " .. n),
		     range(at, size), layout)
		at = at + size
	end
end

local function show_request(tree, range, info)
	local verb = range(4, 2):uint()

	show(tree, range, { { "id", 4 }, { "verb", 2 }, { "flags", 2 } })
	info:append(string.format(" id %u %s", range(0, 4):uint(),
				  verbs[verb] or string.format("verb 0x%x", verb)))
	if range:len() > 8 then
		show(tree, range(8), requests[verb] or { { "body", -1 } })
	end
end

local function show_reply(tree, range, info)
	local verb, status = range(4, 2):uint(), range(6, 2):uint()
	local parts = range(10, 2):uint()

	show(tree, range, { { "id", 4 }, { "verb", 2 }, { "status", 2 },
			    { "part", 2 }, { "parts", 2 } })
	info:append(string.format(" id %u %s %s", range(0, 4):uint(),
		verbs[verb] or string.format("verb 0x%x", verb),
		statuses[status] or string.format("status %u", status)))
	if parts > 1 then
		info:append(string.format(" %u/%u", range(8, 2):uint() + 1, parts))
	end
	if status ~= 0 then
		tree:add_proto_expert_info(refused)
	end
	if range:len() <= 12 then return end
	range = range(12)
	if status ~= 0 then
		tree:add(f.text, range)
		info:append(": " .. range:string())
	elseif requests[verb] == cursor and range:len() >= 16 then
		show_list(tree, range, verb)
	else
		show(tree, range, replies[verb] or { { "body", -1 } })
	end
end

local function show_opened(tree, range, info)
	show(tree, range, { { "nonce", 16 }, { "node_nonce", 16 },
			    { "session", 4 }, { "packet_max", 2 },
			    { "status", 2 }, { "idle_ms", 4 },
			    { "change_window", 4 }, { "point", 32 },
			    { "mac", 32 } })
	info:append(string.format(" session 0x%08x", range(32, 4):uint()))
end

local payloads = {
	[1] = { 72, function(tree, range, info)
		show(tree, range, { { "nonce", 8 }, { "name", 64 } })
		info:append(" " .. range(8, 64):stringz())
	end },
	[2] = { 120, function(tree, range, info)
		show(tree, range, { { "nonce", 8 }, { "node_id", 16 },
			{ "boot_id", 8 }, { nil, 3 }, { "keyed", 1 },
			{ "version_min", 1 }, { "version_max", 1 },
			{ "packet_max", 2 }, { "challenge", 16 },
			{ "name", 64 } })
		info:append(" " .. range(56, 64):stringz())
	end },
	[3] = { 116, function(tree, range)
		show(tree, range, { { "node_id", 16 }, { "nonce", 16 },
			{ "packet_max", 2 }, { nil, 2 }, { "challenge", 16 },
			{ "point", 32 }, { "mac", 32 } })
	end },
	[4] = { 112, show_opened },
	[6] = { 8, show_request },
	[7] = { 12, show_reply },
	[8] = { 24, function(tree, range, info)
		show(tree, range, { { "stream", 1 }, { nil, 3 },
			{ "object", 4 }, { "epoch", 4 }, { nil, 4 },
			{ "end", 8 } })
		info:append(" " .. (stream_kinds[range(0, 1):uint()] or "?"))
	end },
}

-- Sessions that began with a key, by number.
local keyed = {}

function mv.init()
	keyed = {}
end

local function note_opened(range)
	local any = false

	for at = 48, 79 do
		any = any or range(at, 1):uint() ~= 0
	end
	keyed[range(32, 4):uint()] = any
end

local function is_sealed(kind, session, range)
	if kind < 6 then return false end
	if keyed[session] ~= nil then return keyed[session] end
	if kind == 8 then return range:len() ~= 24 end
	return verbs[range:len() >= 6 and range(4, 2):uint() or 0] == nil
end

function mv.dissector(buffer, pinfo, root)
	if buffer:len() < 16 then return 0 end
	local kind, length = buffer(1, 1):uint(), buffer(2, 2):uint()
	local session = buffer(4, 4):uint()
	local whole = math.min(math.max(length, 16), buffer:len())
	local tree = root:add(mv, buffer(0, whole))
	local info = pinfo.cols.info

	pinfo.cols.protocol = "MV"
	info:set(kinds[kind] or string.format("kind %u", kind))
	show(tree, buffer(0, 16):range(), { { "version", 1 }, { "kind", 1 },
		{ "length", 2 }, { "session", 4 }, { "counter", 8 } })
	if length < 16 or length > buffer:reported_len() or
	   buffer(0, 1):uint() ~= 1 then
		tree:add_proto_expert_info(bad_length)
		return buffer:len()
	end
	if whole == 16 then return length end

	-- Of a frame that was captured in part there is less.
	local range = buffer(16, whole - 16)
	local payload = payloads[kind]

	if kind == 4 and range:len() >= 112 then note_opened(range) end
	if is_sealed(kind, session, range) then
		tree:add(f.sealed, range)
		info:append(" sealed")
	elseif payload == nil then
		tree:add(f.body, range)
	elseif length - 16 < payload[1] then
		tree:add_proto_expert_info(bad_length)
	elseif range:len() < payload[1] then
		tree:add(f.body, range)
	else
		payload[2](tree, range, info)
	end
	return length
end

DissectorTable.get("ethertype"):add(0x88b5, mv)
