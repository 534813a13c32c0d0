-- Puts a contact into the list behind a sync's brake. An entry about the same stays as it was, with its time; the first of a kind
-- engages the brake for that kind.
local function hold(held, state, contact, text)
  local new = cjson.decode(text)
  local old = redis.call('HGET', held, contact)
  if old and cjson.decode(old).about == new.about then return end
  local field = 'braked:' .. new.kind
  local engaged = tonumber(redis.call('HGET', state, field) or '0')
  if redis.call('HLEN', held) == 0 or engaged + 86400000 <= new.since then redis.call('HSET', state, field, new.since) end
  redis.call('HSET', held, contact, text)
end
