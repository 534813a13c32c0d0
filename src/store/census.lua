-- Notes which identifiers CRM contacts have, so that "unique in the CRM" can be told.
-- KEYS 1 census, 2 contacts
-- ARGV 1 JSON list of {contact, JSON list of identifiers | false (gone)}
local function change(identifier, contact, there)
  local held = redis.call('HGET', KEYS[1], identifier)
  local left = {}
  if held then for _, c in ipairs(cjson.decode(held)) do if c ~= contact then left[#left + 1] = c end end end
  -- Past a few owners nobody is identified by it; the list need not grow with the CRM.
  if there and #left < 8 then left[#left + 1] = contact end
  if #left == 0 then redis.call('HDEL', KEYS[1], identifier) else redis.call('HSET', KEYS[1], identifier, cjson.encode(left)) end
end

for _, item in ipairs(cjson.decode(ARGV[1])) do
  local contact, identifiers = item[1], item[2]
  local old = redis.call('HGET', KEYS[2], contact)
  if old then for _, i in ipairs(cjson.decode(old)) do change(i, contact, false) end end
  if identifiers then
    redis.call('HSET', KEYS[2], contact, cjson.encode(identifiers))
    for _, i in ipairs(identifiers) do change(i, contact, true) end
  else
    redis.call('HDEL', KEYS[2], contact)
  end
end
return redis.call('HLEN', KEYS[2])
