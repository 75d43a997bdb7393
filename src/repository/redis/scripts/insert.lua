-- digest, id, user, birth, end or '', then fields and values
local digest, id, user, created, ends = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5] ~= '' and ARGV[5]
if redis.call('EXISTS', user_key(user)) == 0 then return 'user' end
if redis.call('EXISTS', token_key(digest), id_key(id)) > 0 then return 'taken' end
-- Tokens that Redis has ended by itself are still among the ends. Each new token clears away up to two of them, so that
-- they cannot pile up even where nobody prunes.
for _, member in ipairs(redis.call('ZRANGE', ends_key, 0, 1)) do
    if redis.call('EXISTS', token_key(string.sub(member, 1, 32))) == 1 then break end
    forget_end_member(member)
end
redis.call('HSET', token_key(digest), 'id', id, 'user', user, unpack(ARGV, 6))
if ends then redis.call('HSET', token_key(digest), 'ends', ends) end
index(digest, id, user, created, ends, created)
return 'done'
