-- Appends groups of records and moves their sagas, when all of them are plain. ARGV: seat, number of
-- the batch, number of the last claim that was answered, by how many the seat owns more or less, the
-- lengths of twelve lists, and the lists:
--   all sagas; fields and chunks; sagas that leave; phases; sagas that go forward again; due times and
--   sagas; sagas that are parked, each with nothing; definition, end and saga of each ticket; fields
--   that are over and lie there; fields and what is over; fields that go; listener, what it is told and
--   saga
-- Atomic as `commit`, and its numbers are the same. A batch with a saga that was told something is not
-- for this script: M, and nothing is written.
local seat, number, claims = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local key = P .. 's:' .. seat
local state = call('HMGET', key, 'b', 'c', 'reply', 'n')
if not state[1] then
  return { 'F' }
end
local last = tonumber(state[1])
if number == last then
  return cjson.decode(state[3])
elseif number ~= last + 1 or tonumber(state[2]) < claims then
  return { 'D' }
end

local next_list, length_at = 18, 6
local function list()
  local from, length = next_list, tonumber(ARGV[length_at])
  next_list, length_at = from + length, length_at + 1
  return from, from + length - 1
end

-- One command for a list, within what Lua can unpack.
local function each(command, name, from, to)
  for at = from, to, 6000 do
    call(command, name, unpack(ARGV, at, math.min(at + 5999, to)))
  end
end

-- What a hash has for a list of fields, in pages.
local function values(name, from, to)
  local all = {}
  for at = from, to, 4000 do
    local page = call('HMGET', name, unpack(ARGV, at, math.min(at + 3999, to)))
    for n = 1, #page do
      all[#all + 1] = page[n]
    end
  end
  return all
end

local from, to = list()
if call('EXISTS', P .. 'in', P .. 'f') > 0 then
  for _, name in ipairs({ P .. 'in', P .. 'f' }) do
    for _, letters in ipairs(values(name, from, to)) do
      if letters then
        return { 'M' }
      end
    end
  end
end
each('HSET', P .. 'j', list())
each('HDEL', P .. 'o', list())
each('HSET', P .. 'ph', list())
each('HDEL', P .. 'ph', list())
local first_timed, last_timed = list()
each('ZADD', P .. 't', first_timed, last_timed)
each('HSET', P .. 'p', list())
from, to = list()
for at = from, to, 3 do
  if ARGV[at + 1] == 'f' then
    call('LPUSH', P .. 'w:' .. ARGV[at], ARGV[at + 2])
  else
    call('RPUSH', P .. 'r:' .. ARGV[at], ARGV[at + 2])
  end
  wake(ARGV[at])
end
from, to = list()
if from <= to then
  local over = {}
  for n, chunk in ipairs(values(P .. 'j', from, to)) do
    if chunk then
      over[#over + 1] = ARGV[from + n - 1]
      over[#over + 1] = chunk
    end
  end
  many('HSET', CURRENT, over)
  each('HDEL', P .. 'j', from, to)
end
from, to = list()
if from <= to then
  each('HSET', CURRENT, from, to)
  call('PEXPIREAT', CURRENT, int((TURN + 3) * WIDTH / 1000))
end
each('HDEL', P .. 'j', list())
from, to = list()
for at = from, to, 3 do
  signal(ARGV[at], sub(ARGV[at + 1], 1, 1), ARGV[at + 2] .. sub(ARGV[at + 1], 2))
end
local reply = { 'O', '', first_timed <= last_timed and next_due() or '' }
call('HSET', key, 'b', number, 'reply', cjson.encode(reply), 'n', tonumber(state[4]) + ARGV[5])
return reply
