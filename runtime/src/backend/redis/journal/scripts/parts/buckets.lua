-- What is over, in buckets by the time of its end.
local WIDTH = tonumber(ARGV[1])

local function turn()
  return math.floor(now() / WIDTH)
end

local function bucket(ago)
  return P .. 'd:' .. int(turn() - ago)
end

-- Keeps the bucket of now, which has something.
local function keep_bucket()
  call('PEXPIREAT', bucket(0), int((turn() + 3) * WIDTH / 1000))
end

-- Keeps fields and values.
local function keep(over)
  many('HSET', bucket(0), over)
  keep_bucket()
end

-- Of what is over: stage, 1 if it has one, fingerprint; then its chunks.
local function split_over(value)
  local from = sub(value, 2, 2) == '1' and 19 or 3
  return sub(value, 1, 1), sub(value, 3, from - 1), from
end

-- What is over of a saga, and its bucket.
local function find_over(id)
  for ago = 0, 1 do
    local value = call('HGET', bucket(ago), id)
    if value then
      return value, bucket(ago)
    end
  end
end
