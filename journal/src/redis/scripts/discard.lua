-- Removes the parts of a multipart step. KEYS[1]: the guild's base. ARGV: the token, the first id, the last id.
local base, log = KEYS[1], KEYS[1] .. ':log'
local meta = base .. ':meta'
if tonumber(redis.call('HGET', meta, 'token') or '0') ~= tonumber(ARGV[1]) then return 'FENCED' end
while true do
  local rows = redis.call('XRANGE', log, ARGV[2], ARGV[3], 'COUNT', 64)
  if #rows == 0 then break end
  for _, row in ipairs(rows) do
    redis.call('HINCRBY', meta, 'bytes', -(#row[2][2] + #row[2][4]))
    redis.call('XDEL', log, row[1])
  end
end
redis.call('HDEL', base .. ':unfinished', ARGV[2])
return 'OK'
