-- Says what its owner does under a lease, instead of what it said before. KEYS: l. ARGV: owner, what it says.
-- Atomic. It ends with the lease, whose end stays. Doing it again is harmless; done late it is what was said last.
-- Answers 1, or 0 when the lease is not this owner's.
if redis.call('HGET', KEYS[1], 'o') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'm', ARGV[2])
return 1
