-- Looks at the oldest messages of a log. KEYS[1]: the guild's base. ARGV: the id before which messages may be removed and
-- the one before which they are too old, the bytes that the log may have, and the most messages and bytes of a portion.
-- Returns the bytes of the log, and the id before which the next portion ends, or 0.
local log = KEYS[1] .. ':log'
local total = tonumber(redis.call('HGET', KEYS[1] .. ':meta', 'bytes') or '0')
local before, too_old = tonumber(ARGV[1]), tonumber(ARGV[2])
local excess, rows_left, bytes_left = total - tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local ends, after = '0', '0'
while rows_left > 0 and bytes_left > 0 do
  local rows = redis.call('XRANGE', log, '(' .. after, '+', 'COUNT', 16)
  if #rows == 0 then break end
  for _, row in ipairs(rows) do
    after = string.sub(row[1], 1, -3)
    local id, bytes = tonumber(after), #row[2][2] + #row[2][4]
    if id >= before or (id >= too_old and excess <= 0) or rows_left <= 0 or bytes_left <= 0 then
      return { string.format('%.0f', total), ends }
    end
    ends = string.format('%.0f', id + 1)
    excess, rows_left, bytes_left = excess - bytes, rows_left - 1, bytes_left - bytes
  end
end
return { string.format('%.0f', total), ends }
