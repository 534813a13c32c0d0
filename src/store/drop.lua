-- Lets go of contacts that a run had marked, a piece of one lane at a time. What no event touched is as if it had never been marked;
-- what was begun in Google, or touched by an event, stays a live contact of no run.
-- KEYS 1 marks, 2 due, 3 bulk, 4 readings, 5 run-counts, 6 intents, 7 links
-- ARGV 1 run id, 2 "bulk" or "live", 3 first contact of the lane, 4 how many, 5 the sync's id
-- Returns {contacts looked at, those of them that are still in the lane}.
local run, lane = ARGV[1], ARGV[2] == 'bulk' and KEYS[3] or KEYS[2]
local first = tonumber(ARGV[3])
local contacts = redis.call('ZRANGE', lane, first, first + tonumber(ARGV[4]) - 1)

-- A create or a removal of unknown end: it is followed to its end.
local function was_begun(contact)
  local intent = redis.call('HGET', KEYS[6], contact)
  if intent and cjson.decode(intent).sync == ARGV[5] then return true end
  local link = redis.call('HGET', KEYS[7], contact)
  return link and cjson.decode(link).state == 'trashing'
end

local still = 0
for _, contact in ipairs(contacts) do
  local held = redis.call('HGET', KEYS[1], contact)
  local m = held and cjson.decode(held)
  if not m or m.run ~= run then
    still = still + 1
  else
    redis.call('HINCRBY', KEYS[5], run .. ':left', -1)
    if m.bulk and not was_begun(contact) then
      redis.call('HDEL', KEYS[1], contact)
      redis.call('ZREM', KEYS[3], contact)
      redis.call('HDEL', KEYS[4], contact)
      redis.call('HINCRBY', KEYS[5], run .. ':let-go', 1)
    else
      if m.bulk then
        m.dropped = true
        redis.call('ZADD', KEYS[2], redis.call('ZSCORE', KEYS[3], contact), contact)
        redis.call('ZREM', KEYS[3], contact)
        redis.call('HDEL', KEYS[4], contact)
      else
        still = still + 1
      end
      m.bulk = nil
      m.run = nil
      redis.call('HSET', KEYS[1], contact, cjson.encode(m))
    end
  end
end
return { #contacts, still }
