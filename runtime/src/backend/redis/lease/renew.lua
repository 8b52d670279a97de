-- Lengthens leases. KEYS: l, r, x of each. ARGV: owner, for how many milliseconds from now, of each.
-- Atomic for each of them; one that cannot be read keeps no other from it. A lease that is over is not
-- brought back, and none is shortened: doing it again, or late, is harmless.
-- Answers for each 1, 0 when it is not this owner's, -1 when an operator took it away, or what is wrong with
-- it.
local now = math.floor(now_in_microseconds() / 1000)

local function renew(alone, readers, forced, owner, lease)
  if redis.call('HGET', alone, 'o') == owner then
    outlive(alone, lease)
    return 1
  end
  local reading = tonumber(redis.call('ZSCORE', readers, owner) or 0)
  if reading <= now then
    local from = redis.call('HMGET', forced, 'o', 's' .. owner)
    return (from[1] == owner or from[2]) and -1 or 0
  end
  redis.call('ZADD', readers, string.format('%.0f', math.max(now + lease, reading)), owner)
  outlive(readers, lease)
  return 1
end

local answers = {}
for i = 0, #KEYS / 3 - 1 do
  local lease, readers, forced = unpack(KEYS, 3 * i + 1, 3 * i + 3)
  local owner, lasts = unpack(ARGV, 2 * i + 1, 2 * i + 2)
  local is_done, answer = pcall(renew, lease, readers, forced, owner, tonumber(lasts))
  answers[#answers + 1] = is_done and answer or answer.err or answer
end
return answers
