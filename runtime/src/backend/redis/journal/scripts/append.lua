-- Appends groups of records and moves their sagas, when all of them are plain. ARGV, behind the head of
-- a batch: by how many the seat owns more or less, the highest fence of those that begin or nothing, the
-- lengths of the lists, and the lists:
--   sagas that begin; fields and chunks; sagas and owners; sagas that leave; sagas that are over, each
--   with what is kept of it; fields that go; phases; sagas that go forward again; due times and sagas;
--   sagas that are parked, each with nothing; definition, end and saga of each ticket; listener, what it
--   is told and saga
-- Atomic: the whole batch and its number, or nothing. A batch with a saga that was told something, or
-- begins and is known, is not for this script: M, and nothing is written.
-- A crash leaves the sagas as the last batch did, in the hands of a seat that is reaped.
-- Answers O, nothing, and the next timer when one was set.
local next_list, length_at = 19, 7
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

if any_known(list()) then
  return { 'M' }
end
local first_field, last_field = list()
local first_owner, last_owner = list()
local first_left, last_left = list()
if call('EXISTS', P .. 'in', P .. 'f') > 0 then
  local ids = {}
  for at = first_field, last_field, 2 do
    ids[#ids + 1] = sub(ARGV[at], 1, 16)
  end
  for at = first_left, last_left do
    ids[#ids + 1] = ARGV[at]
  end
  for _, name in ipairs({ P .. 'in', P .. 'f' }) do
    for _, letters in ipairs(#ids > 0 and many_of('HMGET', name, ids) or {}) do
      if letters then
        return { 'M' }
      end
    end
  end
end
each('HSET', P .. 'j', first_field, last_field)
if first_owner <= last_owner then
  own(function()
    each('HSET', P .. 'o', first_owner, last_owner)
  end)
end
each('HDEL', P .. 'o', first_left, last_left)
if ARGV[6] ~= '' and tonumber(call('GET', P .. 'fence') or 0) < tonumber(ARGV[6]) then
  call('SET', P .. 'fence', ARGV[6])
end
local from, to = list()
if from <= to then
  each('HSET', bucket(0), from, to)
  keep_bucket()
end
each('HDEL', P .. 'j', list())
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
for at = from, to, 3 do
  signal(ARGV[at], sub(ARGV[at + 1], 1, 1), ARGV[at + 2] .. sub(ARGV[at + 1], 2))
end
return written({ 'O', '', first_timed <= last_timed and next_due() or '' }, ARGV[5])
