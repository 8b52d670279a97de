-- Calls an idle seat to the ready lists of a definition.
local function wake(definition)
  local idle = call('SPOP', P .. 'i:' .. definition)
  if idle then
    -- A hint: one that is refused must not stop the script midway.
    redis.pcall('PUBLISH', P .. 'm:' .. sub(idle, 1, 5), 'r' .. idle)
  end
end

local function is_ready(definition)
  return call('EXISTS', P .. 'w:' .. definition, P .. 'r:' .. definition) > 0
end

-- Tickets to the front, one after the other: [saga, definition].
local function to_the_front(tickets)
  for _, ticket in ipairs(tickets) do
    call('LPUSH', P .. 'w:' .. ticket[2], ticket[1])
    wake(ticket[2])
  end
end

-- Whether the process of a listener has its connection for messages.
local function is_listening(listener)
  return call('PUBSUB', 'NUMSUB', P .. 'm:' .. sub(listener, 1, 5))[2] > 0
end

local function signal(listener, kind, rest)
  redis.pcall('PUBLISH', P .. 'm:' .. sub(listener, 1, 5), kind .. listener .. rest)
end
