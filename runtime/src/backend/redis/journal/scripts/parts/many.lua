-- One command for many arguments, within what Lua can unpack.
local function many(command, key, list)
  for from = 1, #list, 4000 do
    call(command, key, unpack(list, from, math.min(from + 3999, #list)))
  end
end

local function many_of(command, key, list)
  if #list <= 4000 then
    return call(command, key, unpack(list))
  end
  local all = {}
  for from = 1, #list, 4000 do
    for _, value in ipairs(call(command, key, unpack(list, from, math.min(from + 3999, #list)))) do
      all[#all + 1] = value
    end
  end
  return all
end
