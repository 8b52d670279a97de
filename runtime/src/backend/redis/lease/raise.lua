-- Tells a tenure what several servers agreed on. KEYS: l, f, and n for a run that is counted. ARGV: owner, the fence,
-- for how many milliseconds it is remembered at least, which attempt it is.
-- Atomic: all of it, or nothing. A caller that crashes leaves what this server gave the tenure, and others know
-- what was agreed on. Doing it again, or late, changes nothing of what was agreed on under a higher fence.
-- Answers 1, or 0 when the lease is not this owner's.
local held = redis.call('HMGET', KEYS[1], 'o', 'f', 'a', 'n')
if held[1] ~= ARGV[1] then
  return 0
end
local agreed = tonumber(ARGV[2])
local is_new = not held[3] or tonumber(held[2]) < agreed
-- Unless it ended, or was said not to have begun.
local is_counted = KEYS[3] and held[4] and redis.call('GET', KEYS[3]) == held[4]
if tonumber(redis.call('GET', KEYS[2]) or 0) < agreed then
  local remembered = math.max(redis.call('PTTL', KEYS[2]), tonumber(ARGV[3]))
  redis.call('SET', KEYS[2], ARGV[2], 'PX', string.format('%.0f', remembered))
end
if is_new then
  redis.call('HSET', KEYS[1], 'f', ARGV[2], 'a', 1)
  if is_counted then
    redis.call('HSET', KEYS[1], 'n', ARGV[4])
    redis.call('SET', KEYS[3], ARGV[4], 'KEEPTTL')
  end
end
return 1
