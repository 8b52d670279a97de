-- Tells every process which sagas are watched here, and is told their states. KEYS: where these are
-- held. ARGV: the channel to which every process listens, what is told there, the channel of this
-- process, for how many milliseconds states are kept.
-- Atomic for each saga; all of it is done again by the next announcement. Nothing is written but how
-- long states are kept: what is watched is not forgotten.
-- The states come by the channel and not by the answer, so that they are in order with the messages.
redis.call('PUBLISH', ARGV[1], ARGV[2])
for _, key in ipairs(KEYS) do
  local state = redis.call('HGET', key, 'state')
  if state then
    redis.call('PEXPIRE', key, ARGV[4])
    redis.call('PUBLISH', ARGV[3], state)
  end
end
