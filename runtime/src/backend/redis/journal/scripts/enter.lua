-- Takes a seat: ARGV seat, listener, lease.
-- Atomic. A seat that is there stays as it is, so a second copy does nothing; one that comes after the
-- seat was left, or whose caller crashes, makes an empty seat, which is reaped.
-- Answers the time.
local seat, listener, lease = ARGV[2], ARGV[3], tonumber(ARGV[4])
local key = P .. 's:' .. seat
if call('EXISTS', key) == 0 then
  call('HSET', key, 'b', 0, 'c', 0, 'n', 0, 'l', listener)
end
call('ZADD', P .. 'seats', int(now() + lease), seat)
return int(now())
