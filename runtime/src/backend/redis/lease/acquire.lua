-- Takes a lease that nobody has, or says who has it. KEYS: the lease, its last fence. ARGV: owner, for how
-- many milliseconds, for how many the fence is remembered.
-- Atomic: lease, end and fence, or nothing. A caller that crashes leaves a lease that runs out. Doing it
-- again finds the owner's own lease, with its fence, and never shortens it.
-- Answers 1, fence, what is left; or 0, the holder, what is left (-1: no end).
local lease = tonumber(ARGV[2])
local held = redis.call('HMGET', KEYS[1], 'o', 'f')
if held[1] == ARGV[1] then
  local left = redis.call('PTTL', KEYS[1])
  if left < lease then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    left = lease
  end
  return { 1, held[2], left }
elseif held[1] then
  return { 0, held[1], redis.call('PTTL', KEYS[1]) }
end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
-- By the time, so that it rises also when the last one was lost.
local fence = string.format('%.0f', math.max(now, (redis.call('GET', KEYS[2]) or 0) + 1))
redis.call('SET', KEYS[2], fence, 'PX', ARGV[3])
redis.call('HSET', KEYS[1], 'o', ARGV[1], 'f', fence, 't', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return { 1, fence, lease }
