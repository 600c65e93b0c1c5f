-- Reads messages of some topics from a range's end to its begin, a bounded number of steps at once. KEYS[1]: the guild's
-- base. ARGV: the id before which and the id after which it reads, the most messages, the most bytes, the most messages and
-- bytes that it looks at, and the topics as patterns. Returns whether the range is read to its begin or the page is full
-- (1, 2, else 0), the id down to which it has looked, and the ids and bodies of the messages.
local log, before, to = KEYS[1] .. ':log', ARGV[1], ARGV[2]
local most, most_bytes = tonumber(ARGV[3]), tonumber(ARGV[4])
local looks, look_bytes = tonumber(ARGV[5]), tonumber(ARGV[6])
local found, count, bytes = {}, 0, 0
while looks > 0 and look_bytes > 0 do
  local rows = redis.call('XREVRANGE', log, '(' .. before .. '-0', '(' .. to .. '-0', 'COUNT', 16)
  if #rows == 0 then return { 1, to, unpack(found) } end
  for _, row in ipairs(rows) do
    local topics, body = row[2][2], row[2][4]
    before = string.sub(row[1], 1, -3)
    looks, look_bytes = looks - 1, look_bytes - #body
    for i = 7, #ARGV do
      if string.find(topics, ARGV[i], 2, true) then
        count, bytes = count + 1, bytes + #body
        found[#found + 1] = before
        found[#found + 1] = body
        if count >= most or bytes >= most_bytes then return { 2, before, unpack(found) } end
        break
      end
    end
  end
end
return { 0, before, unpack(found) }
