-- Reads messages of some topics, a bounded number of steps at once. KEYS[1]: the guild's base. ARGV: the id after which
-- and the id up to which it reads, a lane or nothing, the most messages, the most bytes, the most messages and bytes that
-- it looks at, 1 if it only counts, and the topics as patterns. Returns whether the range is read to its end or the page
-- is full (1, 2, else 0), the id up to which it has looked, the number of messages, the id of the last one, and their ids
-- and bodies.
local log, after, to = KEYS[1] .. ':log', ARGV[1], ARGV[2]
local lane, most, most_bytes = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local looks, look_bytes, counts = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8] == '1'
local found, count, bytes, last = {}, 0, 0, '0'
while looks > 0 and look_bytes > 0 do
  local rows = redis.call('XRANGE', log, '(' .. after, to, 'COUNT', 16)
  if #rows == 0 then return { 1, to, count, last, unpack(found) } end
  for _, row in ipairs(rows) do
    local topics, body = row[2][2], row[2][4]
    after = string.sub(row[1], 1, -3)
    looks, look_bytes = looks - 1, look_bytes - #body
    if lane == '' or string.sub(topics, 1, 1) == lane then
      for i = 9, #ARGV do
        if string.find(topics, ARGV[i], 2, true) then
          count, last = count + 1, after
          if not counts then
            bytes = bytes + #body
            found[#found + 1] = after
            found[#found + 1] = body
          end
          if count >= most or (not counts and bytes >= most_bytes) then
            return { 2, after, count, last, unpack(found) }
          end
          break
        end
      end
    end
  end
end
return { 0, after, count, last, unpack(found) }
