-- Frees what somebody has alone under a fence, whoever asks. KEYS: l, q, d, r, x. ARGV: the fence, why, for
-- how many milliseconds that is remembered, the beginning of the channels.
-- Atomic: it is free, and its holder can learn why. The last fence stays. Doing it again does nothing, since
-- no later tenure has that fence.
-- Answers 1, or 0 when that tenure is over.
local held = redis.call('HMGET', KEYS[1], 'o', 'f')
if held[2] ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[5], 'o', held[1], 'f', held[2], 'w', ARGV[2])
redis.call('PEXPIRE', KEYS[5], ARGV[3])
redis.call('DEL', KEYS[1])
wake(KEYS[1], KEYS[2], KEYS[3], KEYS[4], math.floor(now_in_microseconds() / 1000), ARGV[4])
return 1
