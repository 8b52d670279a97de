-- Tells a tenure the fence that several servers agreed on. KEYS: the lease, its last fence. ARGV: owner,
-- the fence, for how many milliseconds it is remembered at least.
-- Atomic: both, or nothing. A caller that crashes leaves the fence that this server gave the tenure, and
-- others know the one that was agreed on. Doing it again, or late, never lowers what was agreed on.
-- Answers 1, or 0 when the lease is not this owner's.
local held = redis.call('HMGET', KEYS[1], 'o', 'f', 'a')
if held[1] ~= ARGV[1] then
  return 0
end
local agreed = tonumber(ARGV[2])
if tonumber(redis.call('GET', KEYS[2]) or 0) < agreed then
  local remembered = math.max(redis.call('PTTL', KEYS[2]), tonumber(ARGV[3]))
  redis.call('SET', KEYS[2], ARGV[2], 'PX', string.format('%.0f', remembered))
end
if not held[3] or tonumber(held[2]) < agreed then
  redis.call('HSET', KEYS[1], 'f', ARGV[2], 'a', 1)
end
return 1
