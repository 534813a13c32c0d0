-- Changes what is known of a Google account's persons; only for the worker whose token is the newest.
-- KEYS 1 fence, 2 listing, 3 index, 4 facts
-- ARGV 1 token, 2 JSON list of {person, JSON list of marks | false (gone)}, 3 JSON map of facts to set, 4 "1" to start from nothing
-- A person's entry is the JSON list of its marks (identifiers and stamps); the index maps each mark to a JSON list of persons.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
if ARGV[4] == '1' then redis.call('DEL', KEYS[2], KEYS[3], KEYS[4]) end

local function unindex(person, mark)
  local held = redis.call('HGET', KEYS[3], mark)
  if not held then return end
  local left = {}
  for _, p in ipairs(cjson.decode(held)) do if p ~= person then left[#left + 1] = p end end
  if #left == 0 then redis.call('HDEL', KEYS[3], mark) else redis.call('HSET', KEYS[3], mark, cjson.encode(left)) end
end

local function index(person, mark)
  local held = redis.call('HGET', KEYS[3], mark)
  local list = held and cjson.decode(held) or {}
  for _, p in ipairs(list) do if p == person then return end end
  list[#list + 1] = person
  redis.call('HSET', KEYS[3], mark, cjson.encode(list))
end

for _, item in ipairs(cjson.decode(ARGV[2])) do
  local person, marks = item[1], item[2]
  local old = redis.call('HGET', KEYS[2], person)
  if old then for _, mark in ipairs(cjson.decode(old)) do unindex(person, mark) end end
  if marks then
    -- An empty Lua table would become the JSON object {}, which reads back the same.
    redis.call('HSET', KEYS[2], person, cjson.encode(marks))
    for _, mark in ipairs(marks) do index(person, mark) end
  else
    redis.call('HDEL', KEYS[2], person)
  end
end
for field, value in pairs(cjson.decode(ARGV[3])) do redis.call('HSET', KEYS[4], field, value) end
return redis.call('HLEN', KEYS[2])
