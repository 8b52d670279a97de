-- What the scripts share that know of the line. A name has: who has it alone (`l`: `o` is the owner, `f` its fence,
-- `t` since when, `a` is there where several servers agreed on that fence, `n` is which attempt it is of a run that is
-- counted, and `m` what the owner says of it, in JSON), its last fence (`f`), who shares it until when (`r`), who
-- waits by order of arrival (`q`; who goes first has a score below 0), until when each waits (`d`), from whom an
-- operator took it (`x`: `o` had it alone; `s` and an owner says when and why that one's share was taken), and which
-- attempt its last run was, if that did not end (`n`). Who waits is `x` or `s`, for alone or shared, and its owner.
local function now_in_microseconds()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- A key lives as long as the longest of what is in it.
local function outlive(key, milliseconds)
  if redis.call('PTTL', key) < milliseconds then
    redis.call('PEXPIRE', key, milliseconds)
  end
end

-- Who is next, until when it waits, and its score. Those who did not ask in time are gone.
local function next_in(line, ends, now)
  while true do
    local head, score = unpack(redis.call('ZRANGE', line, 0, 0, 'WITHSCORES'))
    if not head then
      return nil
    end
    local until_when = redis.call('HGET', ends, head)
    if until_when and tonumber(until_when) > now then
      return head, tonumber(until_when), tonumber(score)
    end
    redis.call('ZREM', line, head)
    redis.call('HDEL', ends, head)
  end
end

-- A tenure begins. Its fence is by the time, so that it rises also when the last one was lost.
local function begin(lease, fences, owner, milliseconds, remembered, micros)
  local now = string.format('%.0f', micros)
  local fence = now
  local last = tonumber(redis.call('SET', fences, now, 'PX', remembered, 'GET')) or 0
  if last >= micros then
    fence = string.format('%.0f', last + 1)
    redis.call('SET', fences, fence, 'PX', remembered)
  end
  redis.call('HSET', lease, 'o', owner, 'f', fence, 't', now)
  redis.call('PEXPIRE', lease, milliseconds)
  return fence
end

-- Tells who is next that it may ask, if what it wants is free. The channel is that of its process, which is
-- what the name of an owner begins with.
local function wake(lease, line, ends, readers, now, channel)
  local head = next_in(line, ends, now)
  if not head or redis.call('EXISTS', lease) == 1 then
    return
  end
  if head:sub(1, 1) == 's' or redis.call('ZCOUNT', readers, '(' .. now, '+inf') == 0 then
    redis.call('PUBLISH', channel .. head:match('^.([^/]*)'), head:sub(2))
  end
end
