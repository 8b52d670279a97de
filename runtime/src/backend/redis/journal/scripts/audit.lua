-- Looks at a page of the open sagas: ARGV where it begins (0: the first), how many. Makes a ticket for
-- each one that is in no place. Atomic for the page;
-- the next audit does what a crash leaves.
-- Answers where the next page begins (0: the end), how many were seen, and those that were mended.
local answer = call('HSCAN', P .. 'j', ARGV[2], 'COUNT', ARGV[3])
local mended, seen, lists = {}, 0, {}

-- Everything in the ready lists of a definition, once a page.
local function tickets(definition)
  local all = lists[definition]
  if not all then
    all = {}
    for _, list in ipairs({ 'w:', 'r:' }) do
      for _, id in ipairs(call('LRANGE', P .. list .. definition, 0, -1)) do
        all[id] = true
      end
    end
    lists[definition] = all
  end
  return all
end

for n = 1, #answer[2], 2 do
  local id, first = answer[2][n], answer[2][n + 1]
  if #id == 16 then
    seen = seen + 1
    local owner = call('HGET', P .. 'o', id)
    local is_owned = owner and sub(owner, 1, 16) ~= NOBODY
    -- A dead seat is in `seats` until the last of its sagas was given back.
    local has_place = is_owned and call('ZSCORE', P .. 'seats', sub(owner, 1, 16))
      or not is_owned
        and (
          call('ZSCORE', P .. 't', id)
          or call('ZSCORE', P .. 'c', id)
          or call('HEXISTS', P .. 'p', id) == 1
          or tickets(definition_of(first))[id]
        )
    if not has_place then
      if is_owned then
        local crashed = sub(owner, 33) .. sub(owner, 17, 24)
        call('HSET', P .. 'o', id,
          NOBODY .. string.rep('\0', 8) .. struct.pack('>I8', now()) .. sub(crashed, -64))
      end
      to_the_front({ { id, definition_of(first) } })
      mended[#mended + 1] = id
    end
  end
end
return { answer[1], seen, mended }
