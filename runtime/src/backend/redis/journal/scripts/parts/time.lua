-- The time of the call, when it is first asked for.
local asked_at
local function now()
  if not asked_at then
    local time = call('TIME')
    asked_at = time[1] * 1000000 + time[2]
  end
  return asked_at
end
