-- Writes what became of some contacts of one sync: links, intents, journal, questions, dead letters and clean marks, all or nothing,
-- and only for the worker that holds the Google account now.
-- KEYS 1 fence, 2 sequence, 3 links, 4 owners, 5 intents, 6 needs, 7 journal, 8 marks, 9 due, 10 bulk, 11 readings, 12 run-counts, 13 dead,
-- 14 nonce of the last step, 15 decisions, 16 contacts behind the brake, 17 contacts that used it up, 18 what was said of them, 19 the sync,
-- 20 dead letters by contact, 21 number of dead letters that went because there were too many, 22 updates that were begun
-- ARGV 1 fencing token, 2 expected sequence, 3 steps as JSON, 4 journal length, 5 dead-letter length, 6 nonce of this step,
-- 7 now (ms)
-- Returns {new sequence}, {-1} when another worker holds the account, {-2, sequence} when Redis is not where this worker left it.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return { -1 } end
local sequence = tonumber(redis.call('GET', KEYS[2]) or '0')
if sequence ~= tonumber(ARGV[2]) then
  -- The same step sent twice, because its first answer was lost on the way: it is done.
  if sequence == tonumber(ARGV[2]) + 1 and redis.call('GET', KEYS[14]) == ARGV[6] then return { sequence } end
  return { -2, sequence }
end

-- cjson reads null as a value of its own; in a step it means "leave as it is", false means "remove".
local function given(value) return value ~= nil and value ~= cjson.null end

local function put(key, field, value)
  if not given(value) then return end
  if value then redis.call('HSET', key, field, value) else redis.call('HDEL', key, field) end
end

local function add(key, limit, flat)
  redis.call('XADD', key, 'MAXLEN', '~', limit, '*', unpack(flat))
end

-- A run that was given up has no counters any more.
local function counts(run)
  return run and redis.call('HEXISTS', KEYS[12], run .. ':left') == 1
end

-- The run has seen a contact, with what the step says of it.
local function seen(run, s)
  redis.call('HINCRBY', KEYS[12], run .. ':left', -1)
  if given(s.count) then redis.call('HINCRBY', KEYS[12], run .. ':' .. s.count, 1) end
  if given(s.also) then redis.call('HINCRBY', KEYS[12], run .. ':' .. s.also, 1) end
end

-- Takes the letter of a contact away, and answers it.
local function unbury(contact)
  local id = redis.call('HGET', KEYS[20], contact)
  if not id then return nil end
  local found = redis.call('XRANGE', KEYS[13], id, id)
  redis.call('XDEL', KEYS[13], id)
  redis.call('HDEL', KEYS[20], contact)
  return found[1] and named(found[1][2])
end

-- One letter for each contact: the newest, which knows since when and how often.
local function bury(contact, flat)
  local old = unbury(contact)
  if old then
    for i = 1, #flat, 2 do if flat[i] == 'first' then flat[i + 1] = old.first end end
  end
  flat[#flat + 1], flat[#flat + 2] = 'rounds', old and (tonumber(old.rounds) or 1) + 1 or 1
  while redis.call('XLEN', KEYS[13]) >= tonumber(ARGV[5]) do
    local oldest = redis.call('XRANGE', KEYS[13], '-', '+', 'COUNT', 1)[1]
    redis.call('XDEL', KEYS[13], oldest[1])
    local whose = named(oldest[2]).contact
    if whose and redis.call('HGET', KEYS[20], whose) == oldest[1] then redis.call('HDEL', KEYS[20], whose) end
    redis.call('INCR', KEYS[21])
  end
  redis.call('HSET', KEYS[20], contact, redis.call('XADD', KEYS[13], '*', unpack(flat)))
end

for _, s in ipairs(cjson.decode(ARGV[3])) do
  local contact = s.contact
  put(KEYS[3], contact, s.link)
  -- What a person decided is done with once there is a link.
  if given(s.link) and s.link then redis.call('HDEL', KEYS[15], contact) end
  if given(s.own) then redis.call('HSET', KEYS[4], s.own, contact) end
  if given(s.disown) and redis.call('HGET', KEYS[4], s.disown) == contact then redis.call('HDEL', KEYS[4], s.disown) end
  put(KEYS[5], contact, s.intent)
  put(KEYS[6], contact, s.need)
  if s.ended then redis.call('HDEL', KEYS[22], contact) end
  if given(s.journal) then
    add(KEYS[7], ARGV[4], s.journal)
    -- A journal to which nothing is added any more goes after 90 days.
    redis.call('EXPIRE', KEYS[7], 7776000)
  end
  if given(s.dead) then bury(contact, s.dead) end
  if given(s.spend) then
    redis.call('ZADD', KEYS[17], s.spend, contact)
    redis.call('ZREMRANGEBYSCORE', KEYS[17], '-inf', s.spend - 86400000)
  end
  if given(s.hold) then hold(KEYS[16], KEYS[19], contact, s.hold) end

  local held = redis.call('HGET', KEYS[8], contact)
  local m = held and cjson.decode(held)
  -- Something happened to the contact meanwhile: its mark stands, it will be looked at again.
  if m and given(s.gen) and m.gen == s.gen then
    if s.clean then
      redis.call('HDEL', KEYS[8], contact)
      redis.call('ZREM', KEYS[9], contact)
      redis.call('ZREM', KEYS[10], contact)
      redis.call('HDEL', KEYS[11], contact)
      -- Done with after all: unless nobody could tell, or a cancelled run left it as it was.
      if s.count ~= 'dead' and not s.keep_letter and not (m.dropped and s.count == 'skipped') then unbury(contact) end
      -- Nothing holds it back: it was done, or need not be done any more. What was said of it is done with too.
      if not given(s.hold) and s.count ~= 'dead' then
        redis.call('HDEL', KEYS[16], contact)
        if not s.keep_word then redis.call('HDEL', KEYS[18], contact) end
      end
      if counts(m.run) then seen(m.run, s) end
    elseif given(s.due) then
      if given(s.tries) then
        if s.tries > (m.tries or 0) then
          m.tried = m.tried or {}
          m.tried[#m.tried + 1] = { at = tonumber(ARGV[7]), why = given(s.why) and s.why or '' }
          if #m.tried > 20 then table.remove(m.tried, 1) end
        end
        m.tries = s.tries
      end
      if given(s.stale) then m.stale = s.stale end
      if given(s.why) then m.why = s.why end
      redis.call('HSET', KEYS[8], contact, cjson.encode(m))
      redis.call('ZADD', m.bulk and KEYS[10] or KEYS[9], s.due, contact)
      if s.reread then redis.call('HDEL', KEYS[11], contact) end
    end
  elseif m and s.clean and given(s.count) and counts(m.run) then
    redis.call('HINCRBY', KEYS[12], m.run .. ':again', 1)
    -- What happened meanwhile is no longer the run's: else a contact that changes all the time would keep it from ending.
    if s.run == m.run then
      seen(m.run, s)
      m.run = nil
      redis.call('HSET', KEYS[8], contact, cjson.encode(m))
    end
  elseif m and given(s.stale) then
    -- Else readings of a contact of which the CRM tells all the time would be too old for ever.
    m.stale = math.max(m.stale or 0, s.stale)
    redis.call('HSET', KEYS[8], contact, cjson.encode(m))
  end
end
redis.call('SET', KEYS[14], ARGV[6])
return { redis.call('INCR', KEYS[2]) }
