-- digest, expected state or '', next state, now, end or ''
local digest, now, ends = ARGV[1], ARGV[4], ARGV[5] ~= '' and ARGV[5]
local id, user, old_end = find_token(digest)
if not id or not is_live(old_end, now) or not is_enabled(user) then return 0 end
local found = redis.call('HMGET', token_key(id), 'rotation', 'created')
if (found[1] or '') ~= ARGV[2] then return 0 end
-- An end that comes later makes no answer of before wrong.
if ends and (not old_end or tonumber(ends) < tonumber(old_end)) then announce(user) end
redis.call('HSET', token_key(id), 'rotation', ARGV[3], 'used', now)
if ends then redis.call('HSET', token_key(id), 'ends', ends) else redis.call('HDEL', token_key(id), 'ends') end
index(digest, id, user, found[2], ends, now)
return 1
