-- Copies a stream without the entries of one contact, a piece at a time, then puts the copy in its place. XDEL alone would not do: it
-- only marks entries, and what they hold stays in memory and on disk until everything around them is gone.
-- KEYS 1 stream, 2 its copy
-- ARGV 1 contact, 2 copy from this id ("-" or "(id"), 3 how many, 4 "1" to come to the end: all that is left, and the swap, 5 left out so far
-- Returns {last id copied or '', entries seen, entries left out}.
local entries = ARGV[4] == '1' and redis.call('XRANGE', KEYS[1], ARGV[2], '+')
  or redis.call('XRANGE', KEYS[1], ARGV[2], '+', 'COUNT', ARGV[3])
local last, out = '', 0
for _, entry in ipairs(entries) do
  last = entry[1]
  local its = false
  for i = 1, #entry[2], 2 do its = its or (entry[2][i] == 'contact' and entry[2][i + 1] == ARGV[1]) end
  if its then out = out + 1 else redis.call('XADD', KEYS[2], entry[1], unpack(entry[2])) end
end
-- One that is broken off leaves nothing behind for long.
redis.call('EXPIRE', KEYS[2], 3600)
if ARGV[4] ~= '1' then return { last, #entries, out } end
if redis.call('EXISTS', KEYS[1]) == 0 then return { last, #entries, out } end

local stream = named(redis.call('XINFO', 'STREAM', KEYS[1]))
local gone = tonumber(ARGV[5]) + out
local added = stream['entries-added'] - gone
local groups = redis.call('XINFO', 'GROUPS', KEYS[1])
local ends = redis.call('PEXPIRETIME', KEYS[1])
for _, group in ipairs(groups) do
  local of = named(group)
  -- Nothing is pending: what is taken is acknowledged in the same step.
  local read = type(of.lag) == 'number' and added - of.lag or -1
  redis.call('XGROUP', 'CREATE', KEYS[2], of.name, of['last-delivered-id'], 'MKSTREAM', 'ENTRIESREAD', read)
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('DEL', KEYS[1])
  return { last, #entries, out }
end
-- The count of entries goes down with them, so that a journal that was whole still is.
redis.call('XSETID', KEYS[2], stream['last-generated-id'], 'ENTRIESADDED', added, 'MAXDELETEDID', stream['max-deleted-entry-id'])
redis.call('RENAME', KEYS[2], KEYS[1])
if ends > 0 then redis.call('PEXPIREAT', KEYS[1], ends) else redis.call('PERSIST', KEYS[1]) end
return { last, #entries, out }
