-- Lengthens leases. KEYS: l, r of each. ARGV: owner, for how many milliseconds from now, of each.
-- Atomic for each of them; one that cannot be read keeps no other from it. A lease that is over is not
-- brought back, and none is shortened: doing it again, or late, is harmless.
-- Answers for each 1, 0 when it is not this owner's, or what is wrong with it.
local now = math.floor(now_in_microseconds() / 1000)

local function renew(alone, readers, owner, lease)
  if redis.call('HGET', alone, 'o') == owner then
    outlive(alone, lease)
    return 1
  end
  local reading = tonumber(redis.call('ZSCORE', readers, owner) or 0)
  if reading <= now then
    return 0
  end
  redis.call('ZADD', readers, string.format('%.0f', math.max(now + lease, reading)), owner)
  outlive(readers, lease)
  return 1
end

local answers = {}
for i = 1, #KEYS, 2 do
  local is_done, answer = pcall(renew, KEYS[i], KEYS[i + 1], ARGV[i], tonumber(ARGV[i + 1]))
  answers[#answers + 1] = is_done and answer or answer.err or answer
end
return answers
