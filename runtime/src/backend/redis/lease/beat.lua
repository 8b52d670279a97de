-- Says that candidates stand. KEYS: c, cs of each. ARGV: the candidate, its owner or nothing, what it says of
-- itself, for how many milliseconds it is live, of each.
-- Atomic for each of them: all of what it says, and those who are silent for too long are gone. One whose keys cannot
-- be read keeps no other from it. A caller that crashes leaves a candidate that is gone after that time, and keys that
-- end with the last of them. Doing it again, or late, is one more beat.
-- Answers for each how many are live, and after how many milliseconds the first of them is gone; or what is wrong
-- with its keys.
local micros = now_in_microseconds()
local now = math.floor(micros / 1000)

local function beat(all, ends, candidate, owner, says, lasts)
  -- What is of another kind is found before anything is written.
  redis.call('HLEN', all)
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now)) do
    redis.call('ZREM', ends, gone)
    redis.call('HDEL', all, 'o' .. gone, 's' .. gone, 't' .. gone)
  end
  local seen = string.format('%.0f', micros)
  redis.call('HSET', all, 'o' .. candidate, owner, 's' .. candidate, says, 't' .. candidate, seen)
  redis.call('ZADD', ends, string.format('%.0f', now + lasts), candidate)
  outlive(all, lasts)
  outlive(ends, lasts)
  local first = redis.call('ZRANGE', ends, 0, 0, 'WITHSCORES')[2]
  return { redis.call('ZCARD', ends), first - now }
end

local answers = {}
for i = 0, #KEYS / 2 - 1 do
  local all, ends = unpack(KEYS, 2 * i + 1, 2 * i + 2)
  local candidate, owner, says, lasts = unpack(ARGV, 4 * i + 1, 4 * i + 4)
  local is_done, answer = pcall(beat, all, ends, candidate, owner, says, tonumber(lasts))
  answers[#answers + 1] = is_done and answer or answer.err or answer
end
return answers
