-- How many events of a stream wait to be dispatched. Redis counts them itself (`lag`) as long as it knows how many were read; where
-- it does not, or can be seen to be wrong, it is told, or it would guess from then on.
-- KEYS 1 events
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if groups.err or #groups == 0 then return redis.call('XLEN', KEYS[1]) end
local group, stream = named(groups[1]), named(redis.call('XINFO', 'STREAM', KEYS[1]))
local delivered, waiting = group['last-delivered-id'], group.lag
if delivered == stream['last-generated-id'] then
  waiting = 0
elseif type(waiting) ~= 'number' then
  waiting = 0
  local from = delivered
  repeat
    local some = redis.call('XRANGE', KEYS[1], '(' .. from, '+', 'COUNT', 1000)
    waiting = waiting + #some
    if #some > 0 then from = some[#some][1] end
  until #some < 1000
end
local read = stream['entries-added'] - waiting
-- A full disk takes no correction; the answer is right all the same.
if group['entries-read'] ~= read then redis.pcall('XGROUP', 'SETID', KEYS[1], group.name, delivered, 'ENTRIESREAD', read) end
return waiting + group.pending
