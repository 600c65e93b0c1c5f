-- Removes everything of a guild. KEYS[1]: the guild's base. ARGV: the token. Redis frees the memory in the background.
local base = KEYS[1]
if tonumber(redis.call('HGET', base .. ':meta', 'token') or '0') > tonumber(ARGV[1]) then return 'FENCED' end
for _, owner in ipairs(redis.call('SMEMBERS', base .. ':owners')) do
  redis.call('UNLINK', base .. ':values:' .. owner)
end
for _, name in ipairs({ 'log', 'states', 'owners', 'clients', 'cursors', 'snapshots', 'unfinished', 'meta' }) do
  redis.call('UNLINK', base .. ':' .. name)
end
return 'OK'
