-- When the next timer is due, or a carried ticket comes back; '' when none is.
local function next_due()
  local due
  for _, key in ipairs({ 't', 'c' }) do
    local first = call('ZRANGE', P .. key, 0, 0, 'WITHSCORES')
    if first[2] and (not due or tonumber(first[2]) < due) then
      due = tonumber(first[2])
    end
  end
  return due and int(due) or ''
end
