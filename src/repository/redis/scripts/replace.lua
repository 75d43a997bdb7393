-- old digest, new digest, now, absolute end or '', idle limit or '', end or '', authenticated
local old, new, now, ends = ARGV[1], ARGV[2], ARGV[3], ARGV[6] ~= '' and ARGV[6]
local id, user, old_end = find_token(old)
if not id or not is_live(old_end, now) or not is_enabled(user) then return false end
if find_token(new) then return { 'taken' } end
announce(user)
redis.call('DEL', digest_key(old))
redis.call('SET', digest_key(new), id)
redis.call('HDEL', token_key(id), 'used', 'absolute', 'idle', 'ends')
redis.call('HSET', token_key(id), 'digest', new, 'created', now, 'authenticated', ARGV[7])
if ARGV[4] ~= '' then redis.call('HSET', token_key(id), 'absolute', ARGV[4]) end
if ARGV[5] ~= '' then redis.call('HSET', token_key(id), 'idle', ARGV[5]) end
if ends then redis.call('HSET', token_key(id), 'ends', ends) end
index(new, id, user, now, ends, now)
return record(id)
