-- Lengthens a lease. KEYS: the lease. ARGV: owner, for how many milliseconds from now.
-- Atomic. A lease that is over is not brought back, and none is shortened: doing it again, or late, is
-- harmless.
-- Answers 1, or 0 when it is not this owner's.
if redis.call('HGET', KEYS[1], 'o') ~= ARGV[1] then
  return 0
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
