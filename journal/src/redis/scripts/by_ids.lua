-- Reads messages by their ids. KEYS[1]: the guild's base. ARGV: the ids. Returns the ids that are found with the bodies.
local found = {}
for _, id in ipairs(ARGV) do
  local row = redis.call('XRANGE', KEYS[1] .. ':log', id, id)[1]
  if row then
    found[#found + 1] = id
    found[#found + 1] = row[2][4]
  end
end
return found
