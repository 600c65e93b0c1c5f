-- Takes a guild over and removes its incomplete multipart steps. KEYS[1]: the guild's base. ARGV: the token; for hosts that
-- share the journal also the token that the guild is held with, as far as the host knows, and the id of the host. A larger
-- token keeps the guild, and so does one that the host does not know.
local base, log = KEYS[1], KEYS[1] .. ':log'
local meta = base .. ':meta'
local held = redis.call('HGET', meta, 'token') or '0'
if tonumber(held) > tonumber(ARGV[1]) then return 'FENCED' end
if ARGV[3] then
  if held ~= ARGV[2] then return 'FENCED' end
  redis.call('HSET', meta, 'owner', ARGV[3])
end
redis.call('HSET', meta, 'token', ARGV[1], 'number', '0')
local unfinished = redis.call('HGETALL', base .. ':unfinished')
for i = 1, #unfinished, 2 do
  while true do
    local rows = redis.call('XRANGE', log, unfinished[i], unfinished[i + 1], 'COUNT', 64)
    if #rows == 0 then break end
    for _, row in ipairs(rows) do
      redis.call('HINCRBY', meta, 'bytes', -(#row[2][2] + #row[2][4]))
      redis.call('XDEL', log, row[1])
    end
  end
  redis.call('HDEL', base .. ':unfinished', unfinished[i])
end
return 'OK'
