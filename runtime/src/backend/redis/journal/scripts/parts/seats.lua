-- A seat is gone: what only it was told, another one hears.
local function forget_seat(seat, listener)
  call('ZREM', P .. 'seats', seat)
  call('DEL', P .. 's:' .. seat, P .. 'm:' .. seat)
  for _, definition in ipairs(call('HKEYS', P .. 'defs')) do
    if listener then
      call('SREM', P .. 'i:' .. definition, listener)
    end
    if is_ready(definition) then
      wake(definition)
    end
  end
  local due, heir = next_due(), call('ZREVRANGE', P .. 'seats', 0, 0)[1]
  local ears = due ~= '' and heir and call('HGET', P .. 's:' .. heir, 'l')
  if ears then
    signal(ears, 't', due)
  end
end
