-- What is known of a saga by its id, or by the first id under its key.
local function fingerprint_of(first)
  if string.byte(first, 2) % 2 == 1 then
    return sub(first, 19, 34)
  end
  return ''
end

local OVER = { C = true, U = true, K = true, Z = true, X = true }

-- Id, stage and fingerprint of a saga that is open or was over not long ago.
local function look(id)
  local first = call('HGET', P .. 'j', id)
  if first then
    local phase = call('HGET', P .. 'ph', id) or 'fA'
    local stage = sub(phase, 1, 1)
    if not OVER[stage] then
      stage = sub(phase, 2, 2)
    end
    return id .. stage .. fingerprint_of(first)
  end
  local value = find_over(id)
  if value then
    local stage, fingerprint = split_over(value)
    return id .. stage .. fingerprint
  end
end

-- The same, where the first id under a key means the latest.
local function known(id)
  local latest = call('HGET', P .. 'k', id)
    or call('HGET', bucket(0), id .. '.k')
    or call('HGET', bucket(1), id .. '.k')
  return latest and look(latest) or look(id)
end

-- What stands in the way of a new saga.
local function taken(id, keyed, key)
  local there
  if keyed then
    there = known(id)
  else
    there = look(id)
  end
  if not there and key ~= '' then
    there = known(key)
    if there and sub(there, 17, 17) == 'X' then
      there = nil
    end
  end
  return there
end
