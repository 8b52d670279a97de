-- What all scripts of a queue begin with. KEYS: the stream, what was given back and is not due (a
-- sorted set: id by the time in ms at which it is), who waits, the dead letters. ARGV: the group, this
-- consumer, how the channel of a consumer begins, the name of the queue.
local call, pcall = redis.call, redis.pcall
local STREAM, LATER, WAITING, DEAD = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local GROUP, ME, CHANNEL, QUEUE = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
-- Holds what nobody holds: each of these has an entry in LATER.
local NOBODY = 'nobody'

local time = call('TIME')
local NOW = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- Tells one consumer that there is something. Those that are gone hear nothing, and are forgotten.
local function wake()
  while true do
    local who = call('SPOP', WAITING)
    if not who or call('PUBLISH', CHANNEL .. who, QUEUE) > 0 then
      return
    end
  end
end

-- Who holds an entry, and how often it was delivered.
local function holder(id)
  local pending = pcall('XPENDING', STREAM, GROUP, id, id, 1)
  if pending.err or not pending[1] then
    return nil, 0
  end
  return pending[1][2], pending[1][4]
end

local function settle(id)
  pcall('XACK', STREAM, GROUP, id)
  call('XDEL', STREAM, id)
  call('ZREM', LATER, id)
end

-- Puts an entry to the dead letters, of which so many are kept.
local function bury(id, reason, deliveries, kept)
  local entry = call('XRANGE', STREAM, id, id)[1]
  if entry then
    call('XADD', DEAD, 'MAXLEN', '~', kept, '*',
      'reason', reason, 'deliveries', deliveries, 'id', id, unpack(entry[2]))
  end
  settle(id)
end
