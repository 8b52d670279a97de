-- Who shares a name. KEYS: r. ARGV: how many are told at most. Writes nothing.
-- Answers of each whose time is not over the owner, and what is left (-1: no end); those come first that end first.
local now = math.floor(now_in_microseconds() / 1000)
local told = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[1])
for i = 2, #told, 2 do
  -- What somebody else has written may have none.
  told[i] = told[i] == 'inf' and -1 or told[i] - now
end
return told
