-- Renews the lease of a host, and forgets the hosts whose leases are over. KEYS[1]: the base of the hosts. ARGV: the id of
-- the host, what it says of itself, and the milliseconds of the lease; 0: the host leaves. The time is that of Redis, so
-- hosts need no common clock. Returns 1 if the lease was still held, else 0, and the ids of all hosts with what they say.
local leases, entries = KEYS[1] .. ':leases', KEYS[1] .. ':entries'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = tonumber(ARGV[3])
local held = tonumber(redis.call('ZSCORE', leases, ARGV[1]) or '0')
if lease > 0 then
  redis.call('ZADD', leases, string.format('%.0f', now + lease), ARGV[1])
  redis.call('HSET', entries, ARGV[1], ARGV[2])
else
  redis.call('ZREM', leases, ARGV[1])
  redis.call('HDEL', entries, ARGV[1])
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', '(' .. string.format('%.0f', now))) do
  redis.call('ZREM', leases, id)
  redis.call('HDEL', entries, id)
end
return { held > now and 1 or 0, unpack(redis.call('HGETALL', entries)) }
