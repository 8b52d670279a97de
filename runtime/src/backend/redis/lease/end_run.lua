-- Says what became of a run, while it has the lease. KEYS: l, n. ARGV: owner, 1 if it ended or 0 if it did not
-- begin.
-- Atomic: the number of the next run. A caller that crashes before leaves a run that was cut off. Doing it again
-- does nothing.
-- Answers 1, or 0 when the lease is not this owner's, or is of no run that is counted.
local held = redis.call('HMGET', KEYS[1], 'o', 'n')
if held[1] ~= ARGV[1] or not held[2] then
  return 0
end
-- Whoever begins it again is told the same.
local before = ARGV[2] == '1' and 0 or held[2] - 1
if before < 1 then
  redis.call('DEL', KEYS[2])
else
  redis.call('SET', KEYS[2], string.format('%.0f', before), 'XX', 'KEEPTTL')
end
return 1
