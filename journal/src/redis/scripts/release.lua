-- Gives a guild up, so that every host may take it over. KEYS[1]: the guild's base. ARGV: the token. Another token keeps it.
local meta = KEYS[1] .. ':meta'
if redis.call('HGET', meta, 'token') == ARGV[1] then redis.call('HDEL', meta, 'owner') end
return 'OK'
