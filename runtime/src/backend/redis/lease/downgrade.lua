-- Shares what its owner has alone. KEYS: l, q, d, r. ARGV: owner, for how many milliseconds from now, the
-- beginning of the channels.
-- Atomic: nobody gets it alone in between. Doing it again finds it shared.
-- Answers 1, or 0 when it is not this owner's.
local lease = tonumber(ARGV[2])
local now = math.floor(now_in_microseconds() / 1000)
local reading = tonumber(redis.call('ZSCORE', KEYS[4], ARGV[1]) or 0)
if redis.call('HGET', KEYS[1], 'o') == ARGV[1] then
  redis.call('DEL', KEYS[1])
elseif reading <= now then
  return 0
end
redis.call('ZADD', KEYS[4], string.format('%.0f', math.max(now + lease, reading)), ARGV[1])
outlive(KEYS[4], lease)
wake(KEYS[1], KEYS[2], KEYS[3], KEYS[4], now, ARGV[3])
return 1
