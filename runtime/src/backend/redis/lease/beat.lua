-- Says that a candidate stands. KEYS: c, cs. ARGV: the candidate, its owner or nothing, what it says of itself,
-- for how many milliseconds it is live.
-- Atomic: all of what it says, and those who are silent for too long are gone. A caller that crashes leaves a
-- candidate that is gone after that time, and keys that end with the last of them. Doing it again, or late, is
-- one more beat.
-- Answers how many are live, and after how many milliseconds the first of them is gone.
local candidate, lasts = ARGV[1], tonumber(ARGV[4])
local micros = now_in_microseconds()
local now = math.floor(micros / 1000)
-- What is of another kind is found before anything is written.
redis.call('HLEN', KEYS[1])
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
  redis.call('ZREM', KEYS[2], gone)
  redis.call('HDEL', KEYS[1], 'o' .. gone, 's' .. gone, 't' .. gone)
end
local seen = string.format('%.0f', micros)
redis.call('HSET', KEYS[1], 'o' .. candidate, ARGV[2], 's' .. candidate, ARGV[3], 't' .. candidate, seen)
redis.call('ZADD', KEYS[2], string.format('%.0f', now + lasts), candidate)
outlive(KEYS[1], lasts)
outlive(KEYS[2], lasts)
local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
return { redis.call('ZCARD', KEYS[2]), first - now }
