-- A batch of a seat. ARGV: seat, number of the batch, number of the last claim that was answered.
-- The number of the last batch answers what that one answered, so a lost reply is asked for again.
-- Who owns a saga is not looked at: sagas leave a seat by its own batches or with the seat, and the
-- two numbers show a store that has lost some (A4).
-- Answers F when the seat does not live, D when the numbers do not fit.
local seat, number, claims = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local key = P .. 's:' .. seat
local state = call('HMGET', key, 'b', 'c', 'n')
if not state[1] then
  return { 'F' }
end
local last = tonumber(state[1])
if number == last then
  return cjson.decode(call('HGET', key, 'reply'))
elseif number ~= last + 1 or tonumber(state[2]) < claims then
  return { 'D' }
end

-- Notes that the batch is written, and by how many the seat owns more or less.
local function written(reply, owned)
  call('HSET', key, 'b', number, 'reply', cjson.encode(reply), 'n', tonumber(state[3]) + owned)
  return reply
end
