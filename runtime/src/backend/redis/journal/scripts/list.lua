-- A page of sagas: ARGV where to look (j, p, t, o, or the current or previous bucket: c, l), where the
-- page begins (0: the first), how many. Writes nothing; what moves between two pages may be missed.
-- Answers where the next page begins (0: the end), and for each saga its id, its definition, where it is
-- and when it is due.
local sources = { j = P .. 'j', p = P .. 'p', t = P .. 't', o = P .. 'o', c = bucket(0), l = bucket(1) }
local source = sources[ARGV[2]]
local is_over = ARGV[2] == 'c' or ARGV[2] == 'l'
local answer = call(ARGV[2] == 't' and 'ZSCAN' or 'HSCAN', source, ARGV[3], 'COUNT', ARGV[4])
local rows = {}
for n = 1, #answer[2], 2 do
  local id = answer[2][n]
  local first = #id == 16 and (is_over and answer[2][n + 1] or call('HGET', P .. 'j', id))
  if first and is_over then
    local _, _, from = split_over(first)
    first = sub(first, from)
  end
  if first then
    local place, due = is_over and 'e' or 'r', ''
    if not is_over then
      local owner = call('HGET', P .. 'o', id)
      local score = call('ZSCORE', P .. 't', id)
      if owner and sub(owner, 1, 16) ~= NOBODY then
        place = 'o'
      elseif score then
        place, due = 't', int(tonumber(score))
      elseif call('HEXISTS', P .. 'p', id) == 1 then
        place = 'p'
      end
    end
    rows[#rows + 1] = id
    rows[#rows + 1] = definition_of(first)
    rows[#rows + 1] = place
    rows[#rows + 1] = due
  end
end
return { answer[1], rows }
