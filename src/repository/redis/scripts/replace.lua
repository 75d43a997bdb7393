-- old digest, new digest, now, absolute end or '', idle limit or '', end or ''
local old, new, now, ends = ARGV[1], ARGV[2], ARGV[3], ARGV[6] ~= '' and ARGV[6]
local found = redis.call('HMGET', token_key(old), 'id', 'user', 'ends')
local id, user = found[1], found[2]
if not user or not is_live(found[3], now) or not is_enabled(user) then return false end
if redis.call('EXISTS', token_key(new)) == 1 then return { 'taken' } end
redis.call('RENAME', token_key(old), token_key(new))
redis.call('ZREM', ends_key, end_member(old, id, user))
redis.call('HDEL', token_key(new), 'used', 'absolute', 'idle', 'ends')
redis.call('HSET', token_key(new), 'created', now)
if ARGV[4] ~= '' then redis.call('HSET', token_key(new), 'absolute', ARGV[4]) end
if ARGV[5] ~= '' then redis.call('HSET', token_key(new), 'idle', ARGV[5]) end
if ends then redis.call('HSET', token_key(new), 'ends', ends) end
index(new, id, user, now, ends, now)
return record(new)
