-- Marks contacts dirty for one sync: a page of a reconcile, a replay, an answer to a question.
-- KEYS 1 generation, 2 due, 3 bulk, 4 marks, 5 readings, 6 run-counts, 7 run, 8 seen
-- ARGV 1 now (ms), 2 lane ("live" or "bulk"), 3 run id or "", 4 JSON list of {contact, reading or false}, 5 the run's new body or "",
-- 6 JSON list of the contacts on the page
-- Returns how many contacts were marked.
local now, lane, run = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local list = cjson.decode(ARGV[4])
for _, item in ipairs(list) do
  local contact, reading = item[1], item[2]
  local old = redis.call('HGET', KEYS[4], contact)
  local m = old and cjson.decode(old) or { first = now, tries = 0 }
  local was_live = old and not m.bulk
  m.gen = redis.call('INCR', KEYS[1])
  m.dropped = nil
  if lane == 'bulk' and not was_live then
    m.bulk = true
    redis.call('ZADD', KEYS[3], now, contact)
  else
    m.bulk = nil
    redis.call('ZREM', KEYS[3], contact)
    redis.call('ZADD', KEYS[2], now, contact)
  end
  if run ~= '' then
    -- Each contact is counted by one run: the newest that wants it.
    if m.run ~= run then
      -- A run that was given up has no counters any more.
      local counted = m.run and redis.call('HEXISTS', KEYS[6], m.run .. ':left') == 1
      if counted then redis.call('HINCRBY', KEYS[6], m.run .. ':left', -1) end
      m.run = run
      redis.call('HINCRBY', KEYS[6], run .. ':left', 1)
    end
  end
  -- Asked for by name: it is compared with Google even if the CRM's state is the one last written.
  if lane == 'live' then
    m.tries = 0
    m.look = true
  end
  redis.call('HSET', KEYS[4], contact, cjson.encode(m))
  if reading then redis.call('HSET', KEYS[5], contact, reading) else redis.call('HDEL', KEYS[5], contact) end
end
for _, contact in ipairs(cjson.decode(ARGV[6])) do redis.call('SADD', KEYS[8], contact) end
-- A run that is never taken up again leaves nothing behind.
if ARGV[6] ~= '[]' then redis.call('EXPIRE', KEYS[8], 604800) end
-- Where the run is and what it marked are one write, so it resumes at the page.
if ARGV[5] ~= '' then redis.call('HSET', KEYS[7], 'body', ARGV[5]) end
return #list
