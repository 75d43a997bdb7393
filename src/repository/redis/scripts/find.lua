-- digest, now
local found = record(ARGV[1])
local user = found[9]
if not user or not is_live(found[10], ARGV[2]) then return false end
local account = redis.call('HMGET', user_key(user), 'disabled', 'level')
if account[1] ~= '0' then return false end
found[10], found[11] = account[2], level_title(account[2])
return found
