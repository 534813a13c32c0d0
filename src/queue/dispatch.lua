-- Takes new events of one CRM account out of its stream and marks their contacts dirty for every live sync, in one step.
-- KEYS 1 events, 2 generation, 3 bodies, then for each sync: due, bulk, marks
-- ARGV 1 now (ms), 2 coalescing window (ms), 3 its maximum (ms), 4 how many events, 5 "1" in limited mode (keep bodies)
-- Returns {events taken, contacts marked}.
local now, window, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local function read(from)
  local reply = redis.pcall('XREADGROUP', 'GROUP', 'dispatch', 'dispatch', 'COUNT', ARGV[4], 'STREAMS', KEYS[1], from)
  if type(reply) == 'table' and reply.err then
    if string.find(reply.err, 'NOGROUP', 1, true) then
      redis.call('XGROUP', 'CREATE', KEYS[1], 'dispatch', '0', 'MKSTREAM')
      return read(from)
    end
    error(reply.err)
  end
  if not reply then return {} end
  return reply[1][2]
end

local function mark(contact, at, deleted, due_key, bulk_key, marks_key)
  local generation = redis.call('INCR', KEYS[2])
  local old = redis.call('HGET', marks_key, contact)
  local m = old and cjson.decode(old) or { first = now, tries = 0 }
  m.gen = generation
  m.at = math.max(m.at or 0, at)
  if deleted then m.deleted = true end
  -- A contact that a reconcile had marked is now a live one: it goes first, the run still counts it.
  m.bulk, m.dropped = nil, nil
  redis.call('ZREM', bulk_key, contact)
  redis.call('HSET', marks_key, contact, cjson.encode(m))
  redis.call('ZADD', due_key, math.min(now + window, math.max(m.first + most, now)), contact)
end

-- "0" first: whatever an interrupted step has taken but not acknowledged.
local taken, marked = 0, 0
for _, from in ipairs({ '0', '>' }) do
  for _, entry in ipairs(read(from)) do
    taken = taken + 1
    local id = entry[1]
    -- An entry that was trimmed while pending has no fields any more.
    local fields = named(entry[2] or {})
    local contact = fields.contact
    if contact then
      -- Without a live sync nobody would ever fold them.
      if ARGV[5] == '1' and #KEYS > 3 then
        local held = redis.call('HGET', KEYS[3], contact) or ''
        local event = cjson.encode({ says = fields.says, body = fields.body })
        redis.call('HSET', KEYS[3], contact, held .. event .. '\n')
      end
      for k = 4, #KEYS, 3 do
        mark(contact, tonumber(fields.at) or 0, fields.says == 'deleted', KEYS[k], KEYS[k + 1], KEYS[k + 2])
        marked = marked + 1
      end
    end
    redis.call('XACK', KEYS[1], 'dispatch', id)
  end
end
-- How much was read is in no log of Redis's own: unsaid, a restart would forget it, and what waits would be miscounted.
if taken > 0 then
  local group = named(redis.call('XINFO', 'GROUPS', KEYS[1])[1])
  local read = group['entries-read']
  if read then redis.call('XGROUP', 'SETID', KEYS[1], group.name, group['last-delivered-id'], 'ENTRIESREAD', read) end
end
return { taken, marked }
