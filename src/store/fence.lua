-- Installs a fencing token in a CRM account's slot, only if it is greater; tells the sequence that the worker continues from.
-- KEYS 1 fence, 2 sequence; ARGV 1 token
-- Returns {1, sequence}, or {0, sequence} when a newer worker was here.
local held = tonumber(redis.call('GET', KEYS[1]) or '0')
local sequence = tonumber(redis.call('GET', KEYS[2]) or '0')
if tonumber(ARGV[1]) < held then return { 0, sequence } end
redis.call('SET', KEYS[1], ARGV[1])
return { 1, sequence }
