-- Takes a lease, alone or shared, or a place in line for it, or says who has it. KEYS: l, f, q, d, r, and n for
-- a run that is counted. ARGV: owner, for how many milliseconds, for how many the fence is remembered, x or s, for
-- how many the place is kept (0: it does not wait), the beginning of the channels, 1 if it goes first or 0, for
-- how many n is remembered.
-- Atomic: lease, end, fence, number and place, or nothing. A caller that crashes leaves a lease that runs out,
-- or a place that does. Doing it again finds the owner's own, with its fence and number, and never shortens it.
-- Answers 1, fence, what is left, 0, which attempt it is if it is counted; or 0, the holder or nothing, when to
-- ask again (-1: no end), how many are before it, nothing.
local owner, lease, kind, stay = ARGV[1], tonumber(ARGV[2]), ARGV[4], tonumber(ARGV[5])
local goes_first = ARGV[7] == '1'
-- Mostly nobody has it, waits for it or shares it.
local is_known = redis.call('EXISTS', KEYS[1], KEYS[3], KEYS[5]) > 0
local held = is_known and redis.call('HMGET', KEYS[1], 'o', 'f', 'n') or {}
local before = KEYS[6] and (redis.call('GET', KEYS[6]) or '0')
-- What is no number is found before anything is written.
if before and not string.find(before, '^%d+$') then
  return redis.error_reply('ERR the number of a run that was cut off is none')
end
local attempt = before and string.format('%.0f', before + 1)

-- The run that has the lease is the next attempt.
local function count()
  if attempt then
    redis.call('SET', KEYS[6], attempt, 'PX', ARGV[8])
    redis.call('HSET', KEYS[1], 'n', attempt)
  end
  return attempt or false
end

if held[1] == owner and kind == 'x' then
  outlive(KEYS[1], lease)
  return { 1, held[2], redis.call('PTTL', KEYS[1]), 0, held[3] or count() }
end
local micros = now_in_microseconds()
local now = math.floor(micros / 1000)
local me = kind .. owner
local below
if kind == 's' then
  -- What a share has instead of a fence: below that of every owner who is alone later.
  below = string.format('%.0f', math.max(redis.call('GET', KEYS[2]) or 0, micros - 1))
  local reading = tonumber(redis.call('ZSCORE', KEYS[5], owner) or 0)
  if reading > now then
    local ends = math.max(now + lease, reading)
    redis.call('ZADD', KEYS[5], string.format('%.0f', ends), owner)
    outlive(KEYS[5], ends - now)
    return { 1, below, ends - now, 0, false }
  end
end
local head, head_ends, score
local is_free = not held[1]
if is_known and redis.call('EXISTS', KEYS[3], KEYS[5]) > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now)
  head, head_ends, score = next_in(KEYS[3], KEYS[4], now)
  is_free = is_free and (kind == 's' or redis.call('EXISTS', KEYS[5]) == 0)
end
-- Who goes first passes those who do not.
local is_next = not head or head == me or (goes_first and score >= 0)
if is_free and is_next then
  if head then
    redis.call('ZREM', KEYS[3], me)
    redis.call('HDEL', KEYS[4], me)
  end
  if kind == 's' then
    redis.call('ZADD', KEYS[5], string.format('%.0f', now + lease), owner)
    outlive(KEYS[5], lease)
    -- Who is next may share it.
    wake(KEYS[1], KEYS[3], KEYS[4], KEYS[5], now, ARGV[6])
    return { 1, below, lease, 0, false }
  end
  local fence = begin(KEYS[1], KEYS[2], owner, ARGV[2], ARGV[3], micros)
  return { 1, fence, lease, 0, count() }
end
-- When something changes of which nobody is told.
local again
if held[1] then
  again = redis.call('PTTL', KEYS[1])
elseif not is_next then
  again = head_ends - now
else
  again = redis.call('ZRANGE', KEYS[5], -1, -1, 'WITHSCORES')[2] - now
end
-- Those who stand before a new one have a score up to this.
local top = goes_first and '(0' or '+inf'
local has_place = tonumber(redis.call('HGET', KEYS[4], me) or 0) > now
if stay > 0 then
  if not has_place then
    -- Those who go first are so far below the time that no clock gets there, and a double counts them all.
    local came = goes_first and micros - 4e15 or micros
    local newest = redis.call('ZRANGE', KEYS[3], top, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')[2]
    if newest then
      came = math.max(came, newest + 1)
    end
    redis.call('ZADD', KEYS[3], string.format('%.0f', came), me)
    has_place = true
  end
  redis.call('HSET', KEYS[4], me, string.format('%.0f', now + stay))
  outlive(KEYS[3], stay)
  outlive(KEYS[4], stay)
end
local ahead = has_place and redis.call('ZRANK', KEYS[3], me) or redis.call('ZCOUNT', KEYS[3], '-inf', top)
return { 0, held[1], again, ahead, false }
