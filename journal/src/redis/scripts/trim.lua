-- Removes the oldest messages of a log. KEYS[1]: the guild's base. ARGV: the token, and the id before which they are
-- removed. Returns how many they were; -1 if a larger token holds the guild.
local log, meta = KEYS[1] .. ':log', KEYS[1] .. ':meta'
if tonumber(redis.call('HGET', meta, 'token') or '0') ~= tonumber(ARGV[1]) then return -1 end
redis.call('HSET', meta, 'trimmed', ARGV[2])
local after, bytes, removed = '0', 0, 0
while true do
  local rows = redis.call('XRANGE', log, '(' .. after, '(' .. ARGV[2] .. '-0', 'COUNT', 64)
  if #rows == 0 then break end
  for _, row in ipairs(rows) do
    after = string.sub(row[1], 1, -3)
    bytes, removed = bytes + #row[2][2] + #row[2][4], removed + 1
  end
end
if removed > 0 then
  redis.call('XTRIM', log, 'MINID', ARGV[2])
  redis.call('HINCRBY', meta, 'bytes', -bytes)
end
return removed
