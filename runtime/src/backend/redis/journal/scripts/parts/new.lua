-- Whether any of the sagas in these arguments is open, or was over not long ago.
local function any_known(from, to)
  for at = from, to, 4000 do
    for _, name in ipairs({ P .. 'j', bucket(0), bucket(1) }) do
      for _, value in ipairs(call('HMGET', name, unpack(ARGV, at, math.min(at + 3999, to)))) do
        if value then
          return true
        end
      end
    end
  end
  return false
end
