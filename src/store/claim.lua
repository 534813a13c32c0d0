-- Takes the lease of a Google account if it is free and hands out a fencing token greater than any before it, even if Redis lost the
-- last ones: Redis's own clock in microseconds is the floor.
-- KEYS 1 lease, 2 fence; ARGV 1 holder, 2 lease (ms). Returns the token, or false.
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) and redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local time = redis.call('TIME')
local floor = tonumber(time[1]) * 1000000 + tonumber(time[2])
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
local token = string.format('%.0f', math.max(last + 1, floor))
redis.call('SET', KEYS[2], token)
return token
