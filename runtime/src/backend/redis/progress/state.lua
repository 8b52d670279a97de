-- Replaces the state of a saga. KEYS: where it is held. ARGV: its seq, 1 when it is the last one, the
-- state, for how many milliseconds it is kept, the channel of those who watch.
-- Atomic: the test, the state and the message, so that messages come in the order of the states. A
-- crash leaves all of it or nothing.
-- Answers 1, or 0 when it is older than the one held, or comes after the last one.
local held = redis.call('HMGET', KEYS[1], 'seq', 'over', 'at')
if held[1] and (held[2] == '1' or tonumber(held[1]) > tonumber(ARGV[1])) then
  return 0
end

-- Tells two states of one seq apart, and rises even when what is held was lost.
local time = redis.call('TIME')
local at = tonumber(time[1]) * 1000000 + tonumber(time[2])
if held[3] and tonumber(held[3]) >= at then
  at = tonumber(held[3]) + 1
end
at = string.format('%.0f', at)

local state = at .. ' ' .. ARGV[3]
redis.call('HSET', KEYS[1], 'seq', ARGV[1], 'over', ARGV[2], 'at', at, 'state', state)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', ARGV[5], state)
return 1
