-- Renews seats of a process whose runtime is stuck. ARGV: lease, the seats.
-- Atomic. A seat that is gone stays so; one whose process dies meanwhile is reaped a lease later.
for at = 3, #ARGV do
  if call('EXISTS', P .. 's:' .. ARGV[at]) == 1 then
    call('ZADD', P .. 'seats', 'XX', int(now() + ARGV[2]), ARGV[at])
  end
end
return int(now())
