-- Gives a lease from its owner to another one, past those who wait. KEYS: l, f, q, d. ARGV: from whom, to
-- whom, for how many milliseconds, for how many the fence is remembered.
-- Atomic. A caller that crashes leaves a lease that runs out. Doing it again finds the lease of the second one,
-- and never shortens it.
-- Answers fence and what is left, or nothing when the first one does not have it.
local from, to, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])
local held = redis.call('HMGET', KEYS[1], 'o', 'f')
if held[1] == to then
  outlive(KEYS[1], lease)
  return { held[2], redis.call('PTTL', KEYS[1]) }
end
if held[1] ~= from then
  return false
end
-- What is of another type is found before anything is written.
redis.call('GET', KEYS[2])
redis.call('ZCARD', KEYS[3])
redis.call('HLEN', KEYS[4])
redis.call('ZREM', KEYS[3], 'x' .. to)
redis.call('HDEL', KEYS[4], 'x' .. to)
redis.call('DEL', KEYS[1])
return { begin(KEYS[1], KEYS[2], to, ARGV[3], ARGV[4], now_in_microseconds()), lease }
