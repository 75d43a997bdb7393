-- user, id, id of the successor, last end, now
local user, id, now = ARGV[1], ARGV[2], ARGV[5]
local found = redis.call('HMGET', token_key(id), 'user', 'ends', 'absolute', 'family', 'created', 'digest')
if found[1] ~= user or found[4] or not is_live(found[2], now) or not is_enabled(user) or not is_listed(id, user) then return 0 end
announce(user)
end_family(id, user)
local function at_most(ends)
    if ends and tonumber(ends) < tonumber(ARGV[4]) then return ends end
    return ARGV[4]
end
local ends = at_most(found[2])
redis.call('HSET', token_key(id), 'family', ARGV[3], 'absolute', at_most(found[3]), 'ends', ends)
index(found[6], id, user, found[5], ends, now)
return 1
