-- Stores steps of one guild. KEYS[1]: the guild's base. ARGV: the token, the number of the commit, 1 if it creates the
-- guild, the bytes that it adds, the numbers of rows and of positions, the key that has the largest id of all guilds, or
-- nothing in a cluster, where it may be on another node, and the id of the host, if hosts share the journal; then id, topics
-- and body of each row, name and position of each consumer, and the operations. Everything is checked before the first write, because Redis does not
-- take back what a script has written. The first write is refused when memory is short, so it is all or nothing as well.
local base, token = KEYS[1], tonumber(ARGV[1])
local meta, log = base .. ':meta', base .. ':log'
local held = redis.call('HMGET', meta, 'token', 'number', 'last', 'bytes')
local owner = tonumber(held[1] or '0')
if owner > token then return 'FENCED' end
if owner == token then
  if held[2] == ARGV[2] then return 'OK' end
  if tonumber(held[2]) ~= tonumber(ARGV[2]) - 1 then return 'LOST' end
elseif ARGV[3] ~= '1' then
  return 'LOST'
elseif held[1] then
  -- Another host has created it meanwhile.
  return 'FENCED'
end
local rows, positions = tonumber(ARGV[5]), tonumber(ARGV[6])
local last = held[3] or '0'
local at = 9
if rows > 0 then
  if tonumber(ARGV[at]) <= tonumber(last) then return 'STORED' end
  last = ARGV[at + (rows - 1) * 3]
end
local bytes = tonumber(held[4] or '0') + tonumber(ARGV[4])
if ARGV[7] ~= '' and rows > 0 then redis.call('ZADD', ARGV[7], 'GT', last, 'last') end
redis.call('HSET', meta, 'token', ARGV[1], 'number', ARGV[2], 'last', last, 'bytes', string.format('%.0f', bytes))
if ARGV[3] == '1' and ARGV[8] ~= '' then redis.call('HSET', meta, 'owner', ARGV[8]) end

local operations = at + rows * 3 + positions * 2
local place = operations
local function take()
  place = place + 1
  return ARGV[place - 1]
end
local function erase(id)
  local found = redis.call('XRANGE', log, id, id)[1]
  if found then
    redis.call('HINCRBY', meta, 'bytes', -(#found[2][2] + #found[2][4]))
    redis.call('XDEL', log, found[1])
  end
end
while place <= #ARGV do
  local what = take()
  if what == 'state' then
    redis.call('HSET', base .. ':states', take(), take())
  elseif what == 'set' then
    local of, count = take(), tonumber(take())
    redis.call('SADD', base .. ':owners', of)
    redis.call('HSET', base .. ':values:' .. of, unpack(ARGV, place, place + count * 2 - 1))
    place = place + count * 2
  elseif what == 'unset' then
    local of, count = take(), tonumber(take())
    redis.call('HDEL', base .. ':values:' .. of, unpack(ARGV, place, place + count - 1))
    place = place + count
  elseif what == 'client' then
    local name, id = take(), take()
    redis.call('ZADD', base .. ':clients', id, name)
  elseif what == 'forget' then
    local agent, of = take(), take()
    redis.call('HDEL', base .. ':cursors', agent)
    redis.call('HDEL', base .. ':snapshots', agent)
    redis.call('HDEL', base .. ':states', of)
    redis.call('UNLINK', base .. ':values:' .. of)
    redis.call('SREM', base .. ':owners', of)
  elseif what == 'snapshot' then
    redis.call('HSET', base .. ':snapshots', take(), take())
  elseif what == 'unsnapshot' then
    redis.call('HDEL', base .. ':snapshots', take())
  elseif what == 'erase' then
    erase(take())
  elseif what == 'begin' then
    redis.call('HSET', base .. ':unfinished', take(), take())
  elseif what == 'complete' then
    redis.call('HDEL', base .. ':unfinished', take())
  end
end

for _ = 1, rows do
  redis.call('XADD', log, ARGV[at], 't', ARGV[at + 1], 'b', ARGV[at + 2])
  at = at + 3
end
if positions > 0 then
  -- Lua passes a few thousand arguments at most.
  while at < operations do
    local to = math.min(at + 999, operations - 1)
    redis.call('HSET', base .. ':cursors', unpack(ARGV, at, to))
    at = to + 1
  end
end
return 'OK'
