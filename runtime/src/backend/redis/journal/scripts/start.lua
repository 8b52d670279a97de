-- Starts sagas that nobody owns, have no key and wait for their first owner. ARGV: how many, the sagas,
-- each saga with its first chunk, and for each definition its hash and how many of the sagas it has, in
-- their order.
-- Atomic: all of them, each with its ticket, or none. Where one is known `create` decides.
-- A caller that crashes leaves sagas that run, or nothing.
-- Answers the time, and for each definition how long its list of new sagas is; M when one is known.
local sagas = tonumber(ARGV[2])
local first_field = 3 + sagas
local at = first_field + 2 * sagas
if any_known(3, first_field - 1) then
  return { 'M' }
end
call('HSET', P .. 'j', unpack(ARGV, first_field, at - 1))
local lengths, from = {}, 3
while at < #ARGV do
  local definition, to = ARGV[at], from + tonumber(ARGV[at + 1])
  lengths[#lengths + 1] = definition
  lengths[#lengths + 1] = call('RPUSH', P .. 'r:' .. definition, unpack(ARGV, from, to - 1))
  wake(definition)
  at, from = at + 2, to
end
return { int(now()), lengths }
