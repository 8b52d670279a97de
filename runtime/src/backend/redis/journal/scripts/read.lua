-- Looks at a saga: ARGV saga. Answers where it is (o, r, t, p or e), when it is due, its phase and all
-- its chunks; nothing when it is not there.
local id = ARGV[2]
local key, place, due = P .. 'j', 'r', ''
local first = call('HGET', key, id)
if not first then
  key, place = CURRENT, 'e'
  first = call('HGET', key, id)
  if not first then
    key = PREVIOUS
    first = call('HGET', key, id)
  end
  if not first then
    return false
  end
end
local chunks, n = { first }, 1
while true do
  local chunk = call('HGET', key, id .. '.' .. n)
  if not chunk then
    break
  end
  chunks[#chunks + 1] = chunk
  n = n + 1
end
if place == 'r' then
  local owner = call('HGET', P .. 'o', id)
  if owner and sub(owner, 1, 16) ~= NOBODY then
    place = 'o'
  elseif call('HEXISTS', P .. 'p', id) == 1 then
    place = 'p'
  else
    local score = call('ZSCORE', P .. 't', id)
    if score then
      place, due = 't', int(tonumber(score))
    end
  end
end
return { place, due, call('HGET', P .. 'ph', id) or '', table.concat(chunks) }
