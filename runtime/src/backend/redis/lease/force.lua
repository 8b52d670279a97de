-- Frees what somebody has alone under a fence, whoever asks. KEYS: l, q, d, r, x. ARGV: the fence, why, for
-- how many milliseconds that is remembered, the beginning of the channels.
-- Atomic: it is free, and its holder can learn why. The last fence stays. Doing it again says the same, and
-- does nothing, since no later tenure has that fence.
-- Answers who had it, or nothing when that tenure was over.
local held = redis.call('HMGET', KEYS[1], 'o', 'f')
local forced = redis.call('HMGET', KEYS[5], 'o', 'f')
-- What is of another type is found before anything is written.
redis.call('ZCARD', KEYS[2])
redis.call('HLEN', KEYS[3])
redis.call('ZCARD', KEYS[4])
-- What somebody else has written may have none.
if not held[1] or (held[2] or '0') ~= ARGV[1] then
  return forced[2] == ARGV[1] and forced[1]
end
redis.call('HSET', KEYS[5], 'o', held[1], 'f', ARGV[1], 'w', ARGV[2])
redis.call('PEXPIRE', KEYS[5], ARGV[3])
redis.call('DEL', KEYS[1])
wake(KEYS[1], KEYS[2], KEYS[3], KEYS[4], math.floor(now_in_microseconds() / 1000), ARGV[4])
return held[1]
