-- Takes tickets for a queue to carry. ARGV: seat, listener, how many, after how long one that is lost
-- comes back, the definitions.
-- Atomic: a ticket leaves its list and gets a time at which it comes back, or neither; so what the
-- caller never publishes comes back.
-- Answers O, the time and sagas, each followed by its definition; F when the seat does not live.
local seat, listener, limit, after = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if call('EXISTS', P .. 's:' .. seat) == 0 then
  return { 'F' }
end
local carried, back = {}, {}
local stale = true
while stale do
  stale = false
  for at = 6, #ARGV do
    for _, list in ipairs({ P .. 'w:' .. ARGV[at], P .. 'r:' .. ARGV[at] }) do
      local most = limit - #carried / 2
      local ids = most > 0 and call('LPOP', list, most) or {}
      if ids and #ids > 0 then
        local owners, firsts = call('HMGET', P .. 'o', unpack(ids)), call('HMGET', P .. 'j', unpack(ids))
        for n, id in ipairs(ids) do
          if firsts[n] and (not owners[n] or sub(owners[n], 1, 16) == NOBODY) then
            carried[#carried + 1] = id
            carried[#carried + 1] = ARGV[at]
            back[#back + 1] = int(now() + after)
            back[#back + 1] = id
          else
            stale = true
          end
        end
      end
    end
  end
  stale = stale and #carried == 0
end
many('ZADD', P .. 'c', back)
for at = 6, #ARGV do
  if #carried == 0 then
    call('SADD', P .. 'i:' .. ARGV[at], listener)
  else
    call('SREM', P .. 'i:' .. ARGV[at], listener)
    if is_ready(ARGV[at]) then
      wake(ARGV[at])
    end
  end
end
return { 'O', int(now()), carried }
