-- Looks at a saga: ARGV saga. Writes nothing.
-- Answers where it is (o, r, t, p or e), when it is due, its phase and all its chunks; nothing when it
-- is not there.
local id = ARGV[2]
local first = call('HGET', P .. 'j', id)
if not first then
  local value = find_over(id)
  if not value then
    return false
  end
  local _, _, from = split_over(value)
  return { 'e', '', '', sub(value, from) }
end
local chunks, n = { first }, 1
while true do
  local chunk = call('HGET', P .. 'j', id .. '.' .. n)
  if not chunk then
    break
  end
  chunks[#chunks + 1] = chunk
  n = n + 1
end
local place, due = 'r', ''
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
return { place, due, call('HGET', P .. 'ph', id) or '', table.concat(chunks) }
