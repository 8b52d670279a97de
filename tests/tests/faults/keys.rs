//! What is left in Redis when every order is over and every host has left.

use distributed_task_test_servers::RedisServer;

use crate::verdict::Ends;

/// All keys, a line each: name, and for what is kept by saga the ids, in hexadecimal. A start's key
/// has the id of the latest saga under it.
const LOOK: &str = r"
local hex = function(text)
  return (text:gsub('.', function(c) return string.format('%02x', c:byte()) end))
end
local lines = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local tag, name, rest = key:match('^({[^}]*}:)(%w+):?(.*)$')
  local kind, ids = redis.call('TYPE', key).ok, {}
  if name == 'k' then
    ids = redis.call('HVALS', key)
  elseif kind == 'hash' then
    ids = redis.call('HKEYS', key)
  elseif kind == 'zset' then
    ids = redis.call('ZRANGE', key, 0, -1)
  elseif kind == 'list' then
    ids = redis.call('LRANGE', key, 0, -1)
  elseif kind == 'set' then
    ids = redis.call('SMEMBERS', key)
  end
  local line = { tostring(name), kind }
  for _, id in ipairs(ids) do
    line[#line + 1] = hex(id:sub(1, 16))
  end
  lines[#lines + 1] = table.concat(line, ' ')
end
return lines";

/// What must not be there.
pub(crate) fn left_behind(redis: &RedisServer, ends: &Ends) -> Vec<String> {
    let told = redis.cli(&["EVAL", LOOK, "0"]);
    let keys: Vec<Vec<&str>> = told.lines().map(|line| line.split(' ').collect()).collect();
    let ids_of = |name: &str| {
        // In every partition.
        let of = keys.iter().filter(|key| key[0] == name);
        of.flat_map(|key| key[2..].to_vec()).collect::<Vec<_>>()
    };
    let timed = ids_of("t");
    // One that was undone while nobody knew what had happened waits for what comes late (C8).
    let is_over = |id: &&str| {
        let end = ends.iter().find(|(saga, _)| saga.replace('-', "") == **id);
        end.is_some_and(|(_, status)| matches!(&**status, "compensated" | "cancelled"))
    };
    let may_wait = |id: &&str| timed.contains(id) && is_over(id);
    let mut left = Vec::new();
    for key in &keys {
        match key[0] {
            // What is known for good, what is over, and what came too late, for people.
            "defs" | "fence" | "meta" | "d" | "late" => {}
            "j" | "k" | "o" | "ph" | "f" | "t" => {
                let stays = key[2..].iter().filter(|id| !may_wait(id));
                left.extend(stays.map(|id| format!("{}: {id}", key[0])));
            }
            name => left.push(format!("{name}: {}", key[1..].join(" "))),
        }
    }
    left
}
