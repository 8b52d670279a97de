-- Starts sagas that nobody owns. ARGV: for each one
--   head: saga (16), place (r, p or e), keyed (0 or 1), definition (16)
--   key (16 bytes or nothing), stage and fingerprint when it is over, first chunk, who is told (8
--   bytes or nothing), what
-- Atomic: all of them, each with its ticket, or none. A repetition finds what the first copy wrote.
-- A caller that crashes leaves sagas that run, or nothing.
-- Answers the time, for each definition that got tickets how long its list of new sagas is, and for each
-- saga nothing or what is known instead.
local replies, lengths = {}, {}
for at = 2, #ARGV, 6 do
  local head, key = ARGV[at], ARGV[at + 1]
  local id, place, definition = sub(head, 1, 16), sub(head, 17, 17), sub(head, 19)
  local there = taken(id, sub(head, 18, 18) == '1', key)
  replies[#replies + 1] = there or ''
  if not there then
    if place == 'e' then
      keep({ id, ARGV[at + 2] .. ARGV[at + 3] })
    else
      call('HSET', P .. 'j', id, ARGV[at + 3])
    end
    if key ~= '' and place == 'e' then
      keep({ key .. '.k', id })
      call('HDEL', P .. 'k', key)
    elseif key ~= '' then
      call('HSET', P .. 'k', key, id)
    end
    if place == 'p' then
      call('HSET', P .. 'p', id, '')
    elseif place == 'r' then
      local length = call('RPUSH', P .. 'r:' .. definition, id)
      if not lengths[definition] then
        wake(definition)
      end
      lengths[definition] = length
    end
    if ARGV[at + 4] ~= '' then
      signal(ARGV[at + 4], sub(ARGV[at + 5], 1, 1), id .. sub(ARGV[at + 5], 2))
    end
  end
end
local list = {}
for definition, length in pairs(lengths) do
  list[#list + 1] = definition
  list[#list + 1] = length
end
return { int(now()), list, replies }
