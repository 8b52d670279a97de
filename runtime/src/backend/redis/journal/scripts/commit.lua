-- Appends groups of records and moves their sagas. ARGV, behind the head of a batch: for each saga
--   head: saga (16), place (o, r: back of the list, f: front, t, p or e), guarded, begins, keyed,
--         phase (2, `--`: as it was), definition (16)
--   entries that it folds (16 bytes each), due time, owner (of one that begins: its fence; else what
--   is kept of the crashes), key (16 bytes or nothing), stage and fingerprint when it is over, who
--   is told (8 bytes or nothing), what; field and text of its last chunk if that changes, or two times
--   nothing
-- Atomic: the whole batch and its number, or nothing. A crash leaves the sagas as the last batch did, in
-- the hands of a seat that is reaped.
-- Answers O, a letter for each saga when not all are written without mail, and the next timer when
-- one was set.
local has_mail = call('EXISTS', P .. 'in') == 1
local has_folded = call('EXISTS', P .. 'f') == 1
local verdicts, all_written = {}, true
local fields, released, kept, phased, plain = {}, {}, {}, {}, {}
local timed, parked, order = {}, {}, {}
local over, ended, told = {}, {}, {}
local owned = 0

-- Folds letters; whether others wait.
local function letters_wait(id, folded, write)
  local letters = call('HGET', P .. 'in', id)
  if not letters then
    return false
  end
  local left, at = {}, 1
  while at <= #letters do
    local entry = sub(letters, at, at + 15)
    local size = struct.unpack('>I4', letters, at + 16)
    local is_folded = false
    for from = 1, #folded, 16 do
      is_folded = is_folded or sub(folded, from, from + 15) == entry
    end
    if not is_folded then
      left[#left + 1] = sub(letters, at, at + 19 + size)
    end
    at = at + 20 + size
  end
  if write and folded ~= '' then
    if #left == 0 then
      call('HDEL', P .. 'in', id)
      call('SREM', P .. 'm:' .. seat, id)
    else
      call('HSET', P .. 'in', id, table.concat(left))
    end
  end
  return #left > 0
end

local at = 5
while at <= #ARGV do
  local head, folded = ARGV[at], ARGV[at + 1]
  local id, place = sub(head, 1, 16), sub(head, 17, 17)
  local begins = sub(head, 19, 19) == '1'
  local phase, definition = sub(head, 21, 22), sub(head, 23, 38)
  local values = at + 8
  local verdict = 'w'
  if begins then
    if taken(id, sub(head, 20, 20) == '1', ARGV[at + 4]) then
      verdict = 'x'
    end
  elseif has_mail and sub(head, 18, 18) == '1' and letters_wait(id, folded, false) then
    verdict = 'g'
  end
  if verdict == 'w' then
    if begins then
      local fence = ARGV[at + 3]
      local minted = tonumber(call('GET', P .. 'fence') or 0)
      call('SET', P .. 'fence', int(math.max(minted, (struct.unpack('>I8', fence)))))
      owned = owned + 1
      if place == 'o' then
        kept[#kept + 1] = id
        kept[#kept + 1] = seat .. fence
      end
      if ARGV[at + 4] ~= '' then
        call('HSET', P .. 'k', ARGV[at + 4], id)
      end
    end
    if has_mail and letters_wait(id, folded, true) then
      verdict = 'm'
    end
    if folded ~= '' and place ~= 'e' then
      call('HSET', P .. 'f', id, (call('HGET', P .. 'f', id) or '') .. folded)
    end
    if place == 'e' then
      local known_entries = (has_folded and call('HGET', P .. 'f', id) or '') .. folded
      if known_entries ~= '' then
        over[#over + 1] = id .. '.f'
        over[#over + 1] = known_entries
        call('HDEL', P .. 'f', id)
      end
      -- What was written before moves with the rest, in one field. Behind the last chunk are only those
      -- that it took in.
      local chunks, n, is_whole = {}, 0, false
      while true do
        local field = n == 0 and id or id .. '.' .. n
        local is_last = field == ARGV[values]
        local chunk = is_last and ARGV[values + 1] or call('HGET', P .. 'j', field)
        if not chunk then
          break
        end
        if not is_whole then
          chunks[#chunks + 1] = chunk
        end
        is_whole = is_whole or is_last
        ended[#ended + 1] = field
        n = n + 1
      end
      over[#over + 1] = id
      over[#over + 1] = ARGV[at + 5] .. table.concat(chunks)
      if ARGV[at + 4] ~= '' and call('HGET', P .. 'k', ARGV[at + 4]) == id then
        over[#over + 1] = ARGV[at + 4] .. '.k'
        over[#over + 1] = id
        call('HDEL', P .. 'k', ARGV[at + 4])
      end
      plain[#plain + 1] = id
    else
      if ARGV[values] ~= '' then
        fields[#fields + 1] = ARGV[values]
        fields[#fields + 1] = ARGV[values + 1]
      end
      if phase == 'fA' then
        plain[#plain + 1] = id
      elseif phase ~= '--' then
        phased[#phased + 1] = id
        phased[#phased + 1] = phase
      end
    end
    if place ~= 'o' then
      owned = owned - 1
      if begins or ARGV[at + 3] == '' or place == 'e' then
        released[#released + 1] = id
      else
        kept[#kept + 1] = id
        kept[#kept + 1] = NOBODY .. string.rep('\0', 8) .. ARGV[at + 3]
      end
      if place == 't' then
        timed[#timed + 1] = ARGV[at + 2]
        timed[#timed + 1] = id
      elseif place == 'p' then
        parked[#parked + 1] = id
        parked[#parked + 1] = ''
      elseif place == 'r' or place == 'f' then
        order[#order + 1] = { id, definition, place }
      end
    end
    if ARGV[at + 6] ~= '' then
      told[#told + 1] = { ARGV[at + 6], ARGV[at + 7], id }
    end
  end
  all_written = all_written and verdict == 'w'
  verdicts[#verdicts + 1] = verdict
  at = at + 10
end

many('HSET', P .. 'j', fields)
many('HDEL', P .. 'j', ended)
many('HDEL', P .. 'o', released)
many('HSET', P .. 'o', kept)
many('HSET', P .. 'ph', phased)
many('HDEL', P .. 'ph', plain)
many('ZADD', P .. 't', timed)
many('HSET', P .. 'p', parked)
if #over > 0 then
  keep(over)
end
for _, ticket in ipairs(order) do
  if ticket[3] == 'f' then
    call('LPUSH', P .. 'w:' .. ticket[2], ticket[1])
  else
    call('RPUSH', P .. 'r:' .. ticket[2], ticket[1])
  end
  wake(ticket[2])
end
for _, tale in ipairs(told) do
  signal(tale[1], sub(tale[2], 1, 1), tale[3] .. sub(tale[2], 2))
end
return written({ 'O', all_written and '' or table.concat(verdicts), #timed > 0 and next_due() or '' }, owned)
