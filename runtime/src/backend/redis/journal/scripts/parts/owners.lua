-- Notes owners of sagas. Redis searches a small hash of short fields from its beginning; one long field makes it a
-- table, which it stays until it is empty, or read from a file.
local function own(write)
  local is_table = call('OBJECT', 'ENCODING', P .. 'o') == 'hashtable'
  if not is_table then
    call('HSET', P .. 'o', '', string.rep('-', 65))
  end
  write()
  if not is_table then
    call('HDEL', P .. 'o', '')
  end
end
