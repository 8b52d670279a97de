-- Owns sagas. ARGV: seat, number of the claim, listener, limit, how many bytes, `d` for the ready
-- lists of the definitions that follow, or `s` for the sagas that follow a definition.
-- Atomic: a ticket is taken and its saga owned, or neither. The number of the last claim answers what
-- that one took, so a lost reply is asked for again, and a first copy that comes late does nothing.
-- A crash leaves sagas in the hands of a seat that is reaped.
-- Answers O, the time, for each saga its id, its fence with its crashes, and its records, and then, when
-- anybody has any, the phases and the letters of all of them; F when the seat does not live; D when the
-- numbers do not fit.
local seat, number, listener = ARGV[2], tonumber(ARGV[3]), ARGV[4]
local limit, bytes, mode = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local key = P .. 's:' .. seat
local state = call('HMGET', key, 'c', 'taken')
if not state[1] then
  return { 'F' }
end

-- All chunks of a saga. The first two come together; more only behind one that is full.
local function chunks_of(id, first, second)
  local chunks, n = { first }, 1
  while second do
    chunks[#chunks + 1] = second
    if #second < 4096 then
      break
    end
    n = n + 1
    second = call('HGET', P .. 'j', id .. '.' .. n)
  end
  return table.concat(chunks)
end

local function first_chunks(ids)
  local wanted = {}
  for _, id in ipairs(ids) do
    wanted[#wanted + 1] = id
    wanted[#wanted + 1] = id .. '.1'
  end
  return #ids > 0 and many_of('HMGET', P .. 'j', wanted) or {}
end

local function answer(sagas, ids)
  local phases = #ids > 0 and call('EXISTS', P .. 'ph') == 1 and many_of('HMGET', P .. 'ph', ids) or {}
  local letters = #ids > 0 and call('EXISTS', P .. 'in') == 1 and many_of('HMGET', P .. 'in', ids) or {}
  return { 'O', int(now()), sagas, phases, letters }
end

local last = tonumber(state[1])
if number == last then
  local sagas, ids = {}, {}
  for at = 1, #state[2], 16 do
    local id = sub(state[2], at, at + 15)
    local owner = call('HGET', P .. 'o', id)
    if owner and sub(owner, 1, 16) == seat then
      local chunks = first_chunks({ id })
      ids[#ids + 1] = id
      sagas[#sagas + 1] = id
      sagas[#sagas + 1] = sub(owner, 17)
      sagas[#sagas + 1] = chunks_of(id, chunks[1], chunks[2])
    end
  end
  return answer(sagas, ids)
elseif number ~= last + 1 then
  return { 'D' }
end

-- Tickets, each with the list that it came from.
local found, from = {}, {}
local function pop(list, most)
  local ids = most > 0 and call('LPOP', list, most)
  for _, id in ipairs(ids or {}) do
    found[#found + 1] = id
    from[#from + 1] = list
  end
end

local sagas, ids, owners, fence, full = {}, {}, {}, nil, false
repeat
  found, from = {}, {}
  if mode == 's' then
    for at = 9, #ARGV do
      found[#found + 1] = ARGV[at]
    end
  else
    for at = 8, #ARGV do
      pop(P .. 'w:' .. ARGV[at], limit - #ids - #found)
    end
    for at = 8, #ARGV do
      pop(P .. 'r:' .. ARGV[at], limit - #ids - #found)
    end
  end
  if #found > 0 then
    local held, chunks = many_of('HMGET', P .. 'o', found), {}
    local seen, left = {}, {}
    for n, id in ipairs(found) do
      -- A few at a time: they may be large, and then the first of them are enough.
      local at = (n - 1) % 8
      if at == 0 and not full then
        chunks = first_chunks({ unpack(found, n, math.min(n + 7, #found)) })
      end
      local owner, first = held[n], chunks[2 * at + 1]
      local fits = first and (mode == 'd' or definition_of(first) == ARGV[8])
      local is_free = not owner or sub(owner, 1, 16) == NOBODY
      if full then
        left[#left + 1] = n
      elseif fits and is_free and not seen[id] then
        seen[id] = true
        fence = fence and fence + 1
          or math.max(now(), tonumber(call('GET', P .. 'fence') or 0) + 1)
        local rest = struct.pack('>I8', fence) .. (owner and sub(owner, 25) or '')
        local records = chunks_of(id, first, chunks[2 * at + 2])
        ids[#ids + 1] = id
        sagas[#sagas + 1] = id
        sagas[#sagas + 1] = rest
        sagas[#sagas + 1] = records
        owners[#owners + 1] = id
        owners[#owners + 1] = seat .. rest
        bytes = bytes - #records
        full = bytes <= 0
      end
    end
    -- Back to where they were.
    for n = #left, 1, -1 do
      if mode == 'd' then
        call('LPUSH', from[left[n]], found[left[n]])
      end
    end
  end
-- Stale tickets alone are no reason to fall asleep beside a list that is not empty.
until #found == 0 or #ids > 0 or mode == 's'

if #ids > 0 then
  call('SET', P .. 'fence', int(fence))
  own(function()
    many('HSET', P .. 'o', owners)
  end)
  many('ZREM', P .. 't', ids)
  many('ZREM', P .. 'c', ids)
  many('HDEL', P .. 'p', ids)
  call('HINCRBY', key, 'n', #ids)
end
call('HSET', key, 'c', number, 'taken', table.concat(ids))
if mode == 'd' then
  for at = 8, #ARGV do
    if #ids == 0 and limit > 0 then
      call('SADD', P .. 'i:' .. ARGV[at], listener)
    else
      call('SREM', P .. 'i:' .. ARGV[at], listener)
      if is_ready(ARGV[at]) then
        wake(ARGV[at])
      end
    end
  end
end
return answer(sagas, ids)
