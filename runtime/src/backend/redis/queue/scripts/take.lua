-- Takes the next ticket: what was given back and is due, else what is new. ARGV: after how many
-- deliveries that came to nothing a ticket is a dead letter, how many of these are kept.
-- Atomic: the ticket is held by this consumer, or still there. When the answer is lost it comes back
-- by the sweep.
-- Answers the id, its deliveries and its fields; or after how many ms something is due, -1 when nothing
-- is: then this consumer is told when something comes.
for _, id in ipairs(call('ZRANGEBYSCORE', LATER, '-inf', NOW, 'LIMIT', 0, 16)) do
  call('ZREM', LATER, id)
  local _, deliveries = holder(id)
  if deliveries >= tonumber(ARGV[5]) then
    bury(id, 'it was delivered ' .. deliveries .. ' times and never settled', deliveries, ARGV[6])
  else
    -- Nothing when it was trimmed, or settled.
    local entry = pcall('XCLAIM', STREAM, GROUP, ME, 0, id)
    if not entry.err and entry[1] then
      if call('EXISTS', WAITING) == 1 and call('ZCOUNT', LATER, '-inf', NOW) > 0 then
        wake()
      end
      return { id, deliveries + 1, entry[1][2] }
    end
  end
end

local read = { 'XREADGROUP', 'GROUP', GROUP, ME, 'COUNT', 1, 'STREAMS', STREAM, '>' }
local new = pcall(unpack(read))
if new and new.err then
  -- The stream is new, or somebody has deleted it.
  call('XGROUP', 'CREATE', STREAM, GROUP, '0', 'MKSTREAM')
  new = call(unpack(read))
end
if new then
  local id, fields = new[1][2][1][1], new[1][2][1][2]
  if call('EXISTS', WAITING) == 1 and call('XREVRANGE', STREAM, '+', '-', 'COUNT', 1)[1][1] ~= id then
    wake()
  end
  return { id, 1, fields }
end

call('SADD', WAITING, ME)
local due = call('ZRANGE', LATER, 0, 0, 'WITHSCORES')[2]
return due and math.max(tonumber(due) - NOW, 1) or -1
