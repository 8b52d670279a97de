-- Every script of the journal begins with this, and with what else it needs of this folder. KEYS[1] is
-- the tag of the partition; every other key is made of it, so that all of them are in one slot. ARGV[1]
-- is how long what is over is kept, in microseconds: the width of a bucket. Two buckets are looked at,
-- so what is over is known for one to two of these. Times are microseconds since the epoch, by the clock of the server.
--
--   j   saga -> first chunk; saga.n -> chunk n of its records
--   o   saga -> owner: seat (16 bytes, zeros: nobody), fence, time of the last crash, crashed fences
--   ph  saga -> direction and stage, unless it goes forward and is accepted
--   in  saga -> letters: entry (16 bytes), length, letter        f  saga -> entries that were folded
--   w:D sagas that were woken, r:D sagas that are new: the ready lists of definition D
--   t   saga by the time at which it is due                      c  the same, while a queue carries it
--   p   saga -> nothing: parked                                  k  first id under a key -> latest
--   s:S the seat S: b, c, n, l, reply, taken                     seats  S by its deadline
--   m:S sagas of S that have mail                                i:D idle listeners of D
--   d:N bucket N of what is over: saga -> stage, fingerprint and all chunks; saga.f, first.k -> latest
--   x:S the listener of the seat S, while it is reaped
--   defs  hash -> definition       fence  the last that was minted       late  successes too late
local P = KEYS[1]
local call, sub = redis.call, string.sub
local NOBODY = string.rep('\0', 16)

local function int(number)
  return string.format('%.0f', number)
end

-- Of a first chunk: version, flags (1: fingerprint, 2: key), definition, fingerprint, key.
local function definition_of(first)
  return sub(first, 3, 18)
end
