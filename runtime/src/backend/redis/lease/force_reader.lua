-- Takes a share away, whoever asks. KEYS: l, q, d, r, x. ARGV: from which owner, why, for how many milliseconds
-- that is remembered at least, of how many owners, the beginning of the channels.
-- Atomic: it is shared no more, and its owner can learn why. A caller that crashes leaves what was done, or
-- nothing. Doing it again says the same, and does nothing.
-- Answers 1, or 0 when this owner does not share it, and nothing is known of it.
local owner, mine, most = ARGV[1], 's' .. ARGV[1], tonumber(ARGV[4])
local micros = now_in_microseconds()
local now = math.floor(micros / 1000)
local is_known = redis.call('HEXISTS', KEYS[5], mine)
if tonumber(redis.call('ZSCORE', KEYS[4], owner) or 0) <= now then
  return is_known
end
-- What is of another type is found before anything is written.
redis.call('ZCARD', KEYS[2])
redis.call('HLEN', KEYS[3])
-- Whoever had it alone has three fields.
if is_known == 0 and redis.call('HLEN', KEYS[5]) >= most + 3 then
  local known, oldest, since = redis.call('HGETALL', KEYS[5]), mine, math.huge
  for i = 1, #known, 2 do
    local at = tonumber(known[i]:sub(1, 1) == 's' and known[i + 1]:match('^%d+') or math.huge)
    if at < since then
      oldest, since = known[i], at
    end
  end
  redis.call('HDEL', KEYS[5], oldest)
end
redis.call('HSET', KEYS[5], mine, string.format('%.0f ', micros) .. ARGV[2])
redis.call('PEXPIRE', KEYS[5], ARGV[3])
redis.call('ZREM', KEYS[4], owner)
wake(KEYS[1], KEYS[2], KEYS[3], KEYS[4], now, ARGV[5])
return 1
