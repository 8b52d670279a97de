-- Gives a seat up: ARGV seat.
-- Atomic: only while it owns nothing. One that is not left, because of a crash, is reaped.
-- Answers L, or N and how many sagas it owns.
local seat = ARGV[2]
local state = call('HMGET', P .. 's:' .. seat, 'n', 'l')
local owns = tonumber(state[1] or 0)
if owns > 0 then
  return { 'N', owns }
end
if state[2] then
  forget_seat(seat, state[2])
end
return { 'L' }
