-- Gives a ticket back. ARGV: its id, after how many ms it is due, 1 when its deliveries begin to count
-- anew.
-- Atomic: held by this consumer, or by nobody with a time at which it is due. Doing it again does
-- nothing, and neither does a consumer from which it was taken.
if holder(ARGV[5]) ~= ME then
  return
end
local claim = { 'XCLAIM', STREAM, GROUP, NOBODY, 0, ARGV[5], 'JUSTID' }
if ARGV[7] == '1' then
  claim[#claim + 1] = 'RETRYCOUNT'
  claim[#claim + 1] = 0
end
-- Nothing when it was trimmed.
if call(unpack(claim))[1] then
  call('ZADD', LATER, NOW + tonumber(ARGV[6]), ARGV[5])
  -- Also when it is not due: who waits has to know until when.
  wake()
end
