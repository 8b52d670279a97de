-- Starts sagas that nobody owns. ARGV: for each one
--   head: saga (16), place (r, p or e), keyed (0 or 1), definition (16)
--   key (16 bytes or nothing), stage and fingerprint when it is over, first chunk, who is told (8
--   bytes or nothing), what
-- Atomic: all of them, each with its ticket, or none. A repetition finds what the first copy wrote.
-- Answers the time, for each saga nothing or what is known instead, and for each definition that got
-- tickets how long its list of new sagas is.
local replies, fields, over, parked, new, order, told = {}, {}, {}, {}, {}, {}, {}

-- What nobody has asked for under a key is looked for all at once.
local ids, ends = {}, {}
for at = 2, #ARGV, 6 do
  ids[#ids + 1] = sub(ARGV[at], 1, 16)
  ends[#ends + 1] = sub(ARGV[at], 1, 16) .. '.e'
end
local open = many_of('HMGET', P .. 'j', ids)
local current, previous = many_of('HMGET', CURRENT, ends), many_of('HMGET', PREVIOUS, ends)

for at = 2, #ARGV, 6 do
  local head, key, ended = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local id, place, definition = sub(head, 1, 16), sub(head, 17, 17), sub(head, 19, 34)
  local keyed, n = sub(head, 18, 18) == '1', (at + 4) / 6
  local there
  if keyed or key ~= '' or open[n] or current[n] or previous[n] then
    there = taken(id, keyed, key)
  end
  replies[#replies + 1] = there or ''
  if not there then
    local into = place == 'e' and over or fields
    into[#into + 1] = id
    into[#into + 1] = ARGV[at + 3]
    if key ~= '' and place ~= 'e' then
      call('HSET', P .. 'k', key, id)
    end
    if place == 'e' then
      over[#over + 1] = id .. '.e'
      over[#over + 1] = ended
      if key ~= '' then
        over[#over + 1] = key .. '.k'
        over[#over + 1] = id
        call('HDEL', P .. 'k', key)
      end
    elseif place == 'p' then
      parked[#parked + 1] = id
      parked[#parked + 1] = ''
    else
      local list = new[definition]
      if not list then
        list = {}
        new[definition] = list
        order[#order + 1] = definition
      end
      list[#list + 1] = id
    end
    if ARGV[at + 4] ~= '' then
      told[#told + 1] = { ARGV[at + 4], ARGV[at + 5], id }
    end
    if #fields >= 2000 or #over >= 2000 then
      many('HSET', P .. 'j', fields)
      many('HSET', CURRENT, over)
      fields, over = {}, {}
    end
  end
end
many('HSET', P .. 'j', fields)
many('HSET', P .. 'p', parked)
if #over > 0 then
  many('HSET', CURRENT, over)
  call('PEXPIREAT', CURRENT, int((TURN + 3) * WIDTH / 1000))
end
for _, tale in ipairs(told) do
  signal(tale[1], sub(tale[2], 1, 1), tale[3] .. sub(tale[2], 2))
end
local lengths = {}
for _, definition in ipairs(order) do
  many('RPUSH', P .. 'r:' .. definition, new[definition])
  wake(definition)
  lengths[#lengths + 1] = definition
  lengths[#lengths + 1] = call('LLEN', P .. 'r:' .. definition)
end
return { int(NOW), replies, lengths }
