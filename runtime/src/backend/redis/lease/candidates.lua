-- Who stands. KEYS: l, c, cs. ARGV: the one that is looked for, if not all are. Writes nothing.
-- Whether one leads is what the lease says at this moment.
-- Answers for each who is live: the candidate, whether it has the lease, when it was seen (in microseconds),
-- what it says of itself.
local now = math.floor(now_in_microseconds() / 1000)
local holder = redis.call('HGET', KEYS[1], 'o')
local live
if ARGV[1] then
  local ends = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[1]) or 0)
  live = ends > now and { ARGV[1] } or {}
else
  live = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. now, '+inf')
end
local answers = {}
for _, candidate in ipairs(live) do
  local known = redis.call('HMGET', KEYS[2], 'o' .. candidate, 't' .. candidate, 's' .. candidate)
  -- Unless somebody deleted it.
  if known[2] and known[3] then
    local leads = holder and known[1] == holder and 1 or 0
    answers[#answers + 1] = { candidate, leads, known[2], known[3] }
  end
end
return answers
