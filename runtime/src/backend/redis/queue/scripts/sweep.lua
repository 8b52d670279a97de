-- Takes what was held for too long from its consumers, and removes those that are gone. ARGV: how long
-- a ticket may be held, how long a consumer that holds nothing may be silent, in ms.
-- Atomic for each ticket; all of it is done again by the next sweep of anybody.
local from, came = '0-0', false
for _ = 1, 10 do
  local page = pcall('XAUTOCLAIM', STREAM, GROUP, NOBODY, ARGV[5], from, 'COUNT', 100, 'JUSTID')
  if page.err then
    -- There is no stream, or no group.
    return
  end
  for _, id in ipairs(page[2]) do
    -- What was given back keeps its time.
    if call('ZADD', LATER, 'NX', 0, id) == 1 then
      came = true
    end
  end
  for _, id in ipairs(page[3]) do
    call('ZREM', LATER, id)
  end
  from = page[1]
  if from == '0-0' then
    break
  end
end
if came then
  wake()
end

for _, consumer in ipairs(call('XINFO', 'CONSUMERS', STREAM, GROUP)) do
  local of = {}
  for at = 1, #consumer, 2 do
    of[consumer[at]] = consumer[at + 1]
  end
  if of.name ~= ME and of.name ~= NOBODY and of.pending == 0 and of.idle > tonumber(ARGV[6]) then
    call('XGROUP', 'DELCONSUMER', STREAM, GROUP, of.name)
    call('SREM', WAITING, of.name)
  end
end
