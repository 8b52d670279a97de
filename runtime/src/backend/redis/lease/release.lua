-- Frees a lease, and its owner's place in line, and tells who is next. KEYS: l, q, d, r. ARGV: owner, the
-- beginning of the channels.
-- Atomic. The last fence stays. Doing it again does nothing; where it is never done the lease runs out, and
-- the place does.
-- Answers 1, 0 when nobody has it, or -1 when somebody else has.
local holder = redis.call('HGET', KEYS[1], 'o')
local answer = 0
if holder == ARGV[1] then
  redis.call('DEL', KEYS[1])
  answer = 1
elseif holder then
  answer = -1
end
-- Mostly nobody waits or shares.
if redis.call('EXISTS', KEYS[2], KEYS[4]) == 0 then
  return answer
end
local now = math.floor(now_in_microseconds() / 1000)
if tonumber(redis.call('ZSCORE', KEYS[4], ARGV[1]) or 0) > now then
  redis.call('ZREM', KEYS[4], ARGV[1])
  answer = 1
end
for _, kind in ipairs({ 'x', 's' }) do
  if redis.call('ZREM', KEYS[2], kind .. ARGV[1]) == 1 then
    redis.call('HDEL', KEYS[3], kind .. ARGV[1])
  end
end
wake(KEYS[1], KEYS[2], KEYS[3], KEYS[4], now, ARGV[2])
return answer
