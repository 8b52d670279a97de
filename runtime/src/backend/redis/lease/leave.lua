-- Says that a candidate stands no more. KEYS: c, cs. ARGV: the candidate.
-- Atomic. Doing it again does nothing; where it is never done the candidate is gone after its time.
-- Answers 1, or 0 when it did not stand.
local candidate = ARGV[1]
redis.call('HLEN', KEYS[1])
local stood = redis.call('ZREM', KEYS[2], candidate)
redis.call('HDEL', KEYS[1], 'o' .. candidate, 's' .. candidate, 't' .. candidate)
return stood
