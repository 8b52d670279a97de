-- Ends a seat whose deadline has passed and gives back what it owns, a page at a time. ARGV: seat,
-- where the page begins (0: the first), the deadline of a seat whose process is not there, which need
-- not pass.
-- Atomic for each page. The seat's own record goes first, so that no batch of it is written from then
-- on; its name goes last, so that the next reaper begins again when this one dies between two pages.
-- Answers R, how many sagas were given back, and where the next page begins (0: done); A when the
-- deadline has not passed.
local seat, page = ARGV[2], ARGV[3]
local deadline = call('ZSCORE', P .. 'seats', seat)
if not deadline then
  return { 'R', 0, '0' }
end
local key = P .. 's:' .. seat
local listener = call('HGET', key, 'l')
if tonumber(deadline) >= now() and (deadline ~= ARGV[4] or listener and is_listening(listener)) then
  return { 'A' }
end
if listener then
  -- Kept for the last page, under a name that no seat has.
  call('SET', P .. 'x:' .. seat, listener, 'EX', 3600)
end
call('DEL', key)
local answer = call('HSCAN', P .. 'o', page, 'COUNT', 256)
local tickets, owners, ids = {}, {}, {}
for n = 1, #answer[2], 2 do
  local id, owner = answer[2][n], answer[2][n + 1]
  if sub(owner, 1, 16) == seat then
    ids[#ids + 1] = id
    -- At most eight fences of the dead: the latest.
    local crashed = sub(owner, 33) .. sub(owner, 17, 24)
    owners[#owners + 1] = id
    owners[#owners + 1] = NOBODY .. string.rep('\0', 8) .. struct.pack('>I8', now()) .. sub(crashed, -64)
  end
end
if #ids > 0 then
  many('HSET', P .. 'o', owners)
  for n, first in ipairs(many_of('HMGET', P .. 'j', ids)) do
    if first then
      tickets[#tickets + 1] = { ids[n], definition_of(first) }
    end
  end
  to_the_front(tickets)
end
if answer[1] == '0' then
  listener = call('GET', P .. 'x:' .. seat)
  call('DEL', P .. 'x:' .. seat)
  forget_seat(seat, listener)
end
return { 'R', #ids, answer[1] }
