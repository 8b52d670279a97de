-- Who has some names. KEYS: l, q, r of each. Writes nothing.
-- Answers for each owner, fence, 1 where several servers agreed on that, since when (in microseconds), what is left
-- (-1: no end) and what its owner says of who has it alone, or six times nothing; how many share it, and how many
-- wait. What is of another type has nobody.
local now = math.floor(now_in_microseconds() / 1000)

local function look(alone, line, readers)
  local held = redis.call('HMGET', alone, 'o', 'f', 'a', 't', 'm')
  local left = held[1] and redis.call('PTTL', alone)
  local sharing = redis.call('ZCOUNT', readers, '(' .. now, '+inf')
  local said, waiting = held[1] and held[5], redis.call('ZCARD', line)
  return { held[1], held[2], held[3] and 1, held[4], left, said, sharing, waiting }
end

local answers = {}
for i = 1, #KEYS, 3 do
  local is_done, answer = pcall(look, KEYS[i], KEYS[i + 1], KEYS[i + 2])
  answers[#answers + 1] = is_done and answer or { false, false, false, false, false, false, 0, 0 }
end
return answers
