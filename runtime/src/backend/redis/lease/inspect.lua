-- Looks at a lease. KEYS: the lease. Writes nothing.
-- Answers owner, fence, since when (in microseconds) and what is left (-1: no end); nothing when it is
-- free.
local held = redis.call('HMGET', KEYS[1], 'o', 'f', 't')
if not held[1] then
  return false
end
return { held[1], held[2], held[3], redis.call('PTTL', KEYS[1]) }
