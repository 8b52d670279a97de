-- Leaves a letter: ARGV saga, entry, kind (c: cancel, l: late success, o: other), letter.
-- Atomic: the letter is there, and whoever has to read it is called or has a ticket. A repetition
-- finds the entry. A crash leaves all of it or nothing.
-- Answers T: told, A: known before or going back already, P: past its pivot, N: no such saga, or E
-- and the stage of a saga that is over. N and E of a late success are listed, but not of a saga that
-- completed.
local id, entry, kind, letter = ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local function note(stage)
  if kind ~= 'l' or stage == 'C' then
    return false
  end
  local new = call('ZADD', P .. 'late', 'NX', int(now()), id .. entry .. letter)
  call('ZREMRANGEBYRANK', P .. 'late', 0, -1001)
  return new == 1
end

local function has(entries, size)
  for from = 1, #entries, size do
    if sub(entries, from, from + 15) == entry then
      return true
    end
  end
  return false
end

local first = call('HGET', P .. 'j', id)
local stage
if first then
  local phase = call('HGET', P .. 'ph', id) or 'fA'
  local direction = sub(phase, 1, 1)
  if OVER[direction] and kind ~= 'l' then
    return { 'E', direction, 0 }
  elseif kind == 'c' and direction == 'b' then
    return { 'A' }
  elseif kind == 'c' and direction == 'p' then
    return { 'P' }
  end
else
  local value, bucket = find_over(id)
  if value then
    stage = sub(value, 1, 1)
    if kind == 'l' and has(call('HGET', bucket, id .. '.f') or '', 16) then
      return { 'A' }
    end
    return { 'E', stage, note(stage) and 1 or 0 }
  end
  -- A start whose key was used again was abandoned.
  if known(id) then
    return { 'E', 'X', note('X') and 1 or 0 }
  end
  return { 'N', '', note('') and 1 or 0 }
end

if has(call('HGET', P .. 'f', id) or '', 16) then
  return { 'A' }
end
local letters, at = call('HGET', P .. 'in', id) or '', 1
while at <= #letters do
  if sub(letters, at, at + 15) == entry then
    return { 'A' }
  end
  at = at + 20 + struct.unpack('>I4', letters, at + 16)
end
call('HSET', P .. 'in', id, letters .. entry .. struct.pack('>I4', #letter) .. letter)

local owner = call('HGET', P .. 'o', id)
if owner and sub(owner, 1, 16) ~= NOBODY then
  local seat = sub(owner, 1, 16)
  call('SADD', P .. 'm:' .. seat, id)
  local listener = call('HGET', P .. 's:' .. seat, 'l')
  if listener then
    signal(listener, 'm', id)
  end
elseif call('ZREM', P .. 't', id) + call('HDEL', P .. 'p', id) > 0 then
  to_the_front({ { id, definition_of(first) } })
end
return { 'T' }
