-- Looks at a lease. KEYS: the lease. Writes nothing.
-- Answers owner, fence, 1 where several servers agreed on that, since when (in microseconds), what is left
-- (-1: no end) and what its owner says; nothing when it is free.
local held = redis.call('HMGET', KEYS[1], 'o', 'f', 'a', 't', 'm')
if not held[1] then
  return false
end
return { held[1], held[2], held[3] and 1 or 0, held[4], redis.call('PTTL', KEYS[1]), held[5] }
