-- Frees a lease. KEYS: the lease. ARGV: owner.
-- Atomic. The last fence stays. Doing it again does nothing; where it is never done the lease runs out.
-- Answers 1, 0 when nobody has it, or -1 when somebody else has.
local owner = redis.call('HGET', KEYS[1], 'o')
if not owner then
  return 0
elseif owner ~= ARGV[1] then
  return -1
end
redis.call('DEL', KEYS[1])
return 1
