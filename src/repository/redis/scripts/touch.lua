-- user, id, now, seconds until time ends
local user, id, now = ARGV[1], ARGV[2], tonumber(ARGV[3])
local found = redis.call('HMGET', token_key(id), 'user', 'ends', 'used', 'absolute', 'idle', 'created', 'digest')
if found[1] ~= user or not is_live(found[2], now) or not is_enabled(user) or not is_listed(id, user) then return 0 end
if (tonumber(found[3]) or tonumber(found[6]) - 1) >= now then return 0 end
redis.call('HSET', token_key(id), 'used', ARGV[3])
if found[5] then
    local ends = now + math.min(tonumber(found[5]), tonumber(ARGV[4]))
    if found[4] then ends = math.min(ends, tonumber(found[4])) end
    ends = string.format('%.0f', ends)
    redis.call('HSET', token_key(id), 'ends', ends)
    index(found[7], id, user, found[6], ends, now)
end
return 1
