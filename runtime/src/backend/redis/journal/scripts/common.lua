-- What every script of the journal begins with. KEYS[1] is the tag of the partition; every other
-- key is made of it, so that all of them are in one slot. ARGV[1] is how long what is over is kept,
-- in microseconds: the width of a bucket. Two buckets are looked at, so what is over is known for
-- one to two of these. Times are microseconds since the epoch, by the clock of the server.
--
--   j   saga -> first chunk; saga.n -> chunk n of its records
--   o   saga -> owner: seat (16 bytes, zeros: nobody), fence, time of the last crash, crashed fences
--   ph  saga -> direction and stage, unless it goes forward and is accepted
--   in  saga -> letters: entry (16 bytes), length, letter        f  saga -> entries that were folded
--   w:D sagas that were woken, r:D sagas that are new: the ready lists of definition D
--   t   saga by the time at which it is due                      c  the same, while a queue carries it
--   p   saga -> nothing: parked                                  k  first id under a key -> latest
--   s:S the seat S: b, c, n, l, reply, taken                     seats  S by its deadline
--   m:S sagas of S that have mail                                i:D idle listeners of D
--   d:N bucket N of what is over: saga -> stage, fingerprint and all chunks; saga.f, first.k -> latest
--   again  un-keyed sagas whose start was repeated
--   defs  hash -> definition       fence  the last that was minted       late  successes too late
local P = KEYS[1]
local call, sub = redis.call, string.sub
local NOBODY = string.rep('\0', 16)
local WIDTH = tonumber(ARGV[1])

local function int(number)
  return string.format('%.0f', number)
end

local function now()
  local time = call('TIME')
  return time[1] * 1000000 + time[2]
end

local NOW = now()
local TURN = math.floor(NOW / WIDTH)
local CURRENT, PREVIOUS = P .. 'd:' .. int(TURN), P .. 'd:' .. int(TURN - 1)

-- One command for many arguments, within what Lua can unpack.
local function many(command, key, list)
  for from = 1, #list, 4000 do
    call(command, key, unpack(list, from, math.min(from + 3999, #list)))
  end
end

local function many_of(command, key, list)
  if #list <= 4000 then
    return call(command, key, unpack(list))
  end
  local all = {}
  for from = 1, #list, 4000 do
    for _, value in ipairs(call(command, key, unpack(list, from, math.min(from + 3999, #list)))) do
      all[#all + 1] = value
    end
  end
  return all
end

-- Of a first chunk: version, flags (1: fingerprint, 2: key), definition, fingerprint, key.
local function definition_of(first)
  return sub(first, 3, 18)
end

local function fingerprint_of(first)
  if string.byte(first, 2) % 2 == 1 then
    return sub(first, 19, 34)
  end
  return ''
end

-- Of what is over: stage, 1 if it has one, fingerprint; then its chunks.
local function split_over(value)
  local from = sub(value, 2, 2) == '1' and 19 or 3
  return sub(value, 1, 1), sub(value, 3, from - 1), from
end

-- What is over of a saga, and its bucket.
local function find_over(id)
  local value = call('HGET', CURRENT, id)
  if value then
    return value, CURRENT
  end
  return call('HGET', PREVIOUS, id), PREVIOUS
end

local OVER = { C = true, U = true, K = true, Z = true, X = true }

-- Id, stage and fingerprint of a saga that is open or was over not long ago.
local function look(id)
  local first = call('HGET', P .. 'j', id)
  if first then
    local phase = call('HGET', P .. 'ph', id) or 'fA'
    local stage = sub(phase, 1, 1)
    if not OVER[stage] then
      stage = sub(phase, 2, 2)
    end
    return id .. stage .. fingerprint_of(first)
  end
  local value = find_over(id)
  if value then
    local stage, fingerprint = split_over(value)
    return id .. stage .. fingerprint
  end
end

-- The same, where the first id under a key means the latest.
local function known(id)
  local latest = call('HGET', P .. 'k', id)
    or call('HGET', CURRENT, id .. '.k')
    or call('HGET', PREVIOUS, id .. '.k')
  return latest and look(latest) or look(id)
end

-- What stands in the way of a new saga.
local function taken(id, keyed, key)
  local there
  if keyed then
    there = known(id)
  else
    there = look(id)
  end
  if not there and key ~= '' then
    there = known(key)
    if there and sub(there, 17, 17) == 'X' then
      there = nil
    end
  end
  return there
end

-- Calls an idle seat to the ready lists of a definition.
local function wake(definition)
  local idle = call('SPOP', P .. 'i:' .. definition)
  if idle then
    -- A hint: one that is refused must not stop the script midway.
    redis.pcall('PUBLISH', P .. 'm:' .. sub(idle, 1, 5), 'r' .. idle)
  end
end

local function is_ready(definition)
  return call('EXISTS', P .. 'w:' .. definition, P .. 'r:' .. definition) > 0
end

-- Tickets to the front, one after the other: [saga, definition].
local function to_the_front(tickets)
  for _, ticket in ipairs(tickets) do
    call('LPUSH', P .. 'w:' .. ticket[2], ticket[1])
    wake(ticket[2])
  end
end

-- Whether the process of a listener has its connection for messages.
local function is_listening(listener)
  return call('PUBSUB', 'NUMSUB', P .. 'm:' .. sub(listener, 1, 5))[2] > 0
end

local function signal(listener, kind, rest)
  redis.pcall('PUBLISH', P .. 'm:' .. sub(listener, 1, 5), kind .. listener .. rest)
end

-- When the next timer is due, or a carried ticket comes back; '' when none is.
local function next_due()
  local due
  for _, key in ipairs({ 't', 'c' }) do
    local first = call('ZRANGE', P .. key, 0, 0, 'WITHSCORES')
    if first[2] and (not due or tonumber(first[2]) < due) then
      due = tonumber(first[2])
    end
  end
  return due and int(due) or ''
end

-- A seat is gone: what only it was told, another one hears.
local function forget_seat(seat, listener)
  call('ZREM', P .. 'seats', seat)
  call('DEL', P .. 's:' .. seat, P .. 'm:' .. seat)
  for _, definition in ipairs(call('HKEYS', P .. 'defs')) do
    if listener then
      call('SREM', P .. 'i:' .. definition, listener)
    end
    if is_ready(definition) then
      wake(definition)
    end
  end
  local due, heir = next_due(), call('ZREVRANGE', P .. 'seats', 0, 0)[1]
  local ears = due ~= '' and heir and call('HGET', P .. 's:' .. heir, 'l')
  if ears then
    signal(ears, 't', due)
  end
end
