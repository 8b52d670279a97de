-- Renews seats, and does what is due. ARGV: lease, whether to look who is present (0 or 1), how many
-- definitions, the definitions whose ready lists these seats wait for; then for each seat its id, the
-- number of its last batch that was answered, and that of its last claim.
-- Atomic for each of what it does; all of it is done again by the next pulse of anybody.
-- Answers the time, the next timer, how many definitions are known, the seats whose deadline has passed,
-- those of the definitions that have tickets, seats whose process is not listening with their deadlines;
-- and for each seat O, F when it does not live or D when the store has lost what it was answered, with
-- the sagas of it that have mail.
local lease, definitions = tonumber(ARGV[2]), tonumber(ARGV[4])
local seats, own, ears = {}, {}, nil
for at = 5 + definitions, #ARGV, 3 do
  local seat, key = ARGV[at], P .. 's:' .. ARGV[at]
  local state = call('HMGET', key, 'b', 'c', 'l')
  ears = ears or state[3]
  own[seat] = true
  if not state[1] then
    seats[#seats + 1] = { 'F', {} }
  elseif tonumber(state[1]) < tonumber(ARGV[at + 1]) or tonumber(state[2]) < tonumber(ARGV[at + 2]) then
    seats[#seats + 1] = { 'D', {} }
  else
    call('ZADD', P .. 'seats', int(now() + lease), seat)
    seats[#seats + 1] = { 'O', call('SMEMBERS', P .. 'm:' .. seat) }
  end
end

-- Timers that are due, and tickets that a queue has lost.
for _, key in ipairs({ P .. 't', P .. 'c' }) do
  local due = call('ZRANGEBYSCORE', key, '-inf', int(now()), 'LIMIT', 0, 128)
  if #due > 0 then
    call('ZREM', key, unpack(due))
    local tickets = {}
    for n, first in ipairs(call('HMGET', P .. 'j', unpack(due))) do
      if first then
        tickets[#tickets + 1] = { due[n], definition_of(first) }
      end
    end
    to_the_front(tickets)
  end
end

-- What was over for two turns.
call('UNLINK', bucket(2), bucket(3))

local dead = {}
for _, seat in ipairs(call('ZRANGEBYSCORE', P .. 'seats', '-inf', '(' .. int(now()), 'LIMIT', 0, 64)) do
  if not own[seat] then
    dead[#dead + 1] = seat
  end
end
local ready = {}
for at = 5, 4 + definitions do
  if is_ready(ARGV[at]) then
    ready[#ready + 1] = ARGV[at]
  end
end
local absent = {}
-- Who hears nothing cannot tell who is missing.
if ARGV[3] == '1' and ears and is_listening(ears) then
  local all = call('ZRANGE', P .. 'seats', 0, 63, 'WITHSCORES')
  for n = 1, #all, 2 do
    local listener = not own[all[n]] and call('HGET', P .. 's:' .. all[n], 'l')
    if listener and not is_listening(listener) then
      absent[#absent + 1] = all[n]
      absent[#absent + 1] = all[n + 1]
    end
  end
end
return {
  int(now()), next_due(), call('HLEN', P .. 'defs'), dead, ready, absent, seats,
}
