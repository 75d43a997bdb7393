-- digest, id, user, birth, end or '', then fields and values
local digest, id, user, created, ends = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5] ~= '' and ARGV[5]
if redis.call('EXISTS', user_key(user)) == 0 then return 'user' end
if find_token(digest) or id_is_taken(id) then return 'taken' end
if redis.call('EXISTS', token_key(id)) == 1 then remove(id) end
-- The first write: a Redis that is full refuses the whole script here.
redis.call('HSET', token_key(id), 'digest', digest, 'user', user, unpack(ARGV, 6))
if ends then redis.call('HSET', token_key(id), 'ends', ends) end
redis.call('SET', digest_key(digest), id)
index(digest, id, user, created, ends, created)
-- Tokens that Redis has ended by itself are still in the lists, and tokens that were ended with all of their user's may
-- still be there. Each new token clears away up to two of each, so that they cannot pile up even where nothing prunes.
for _, member in ipairs(redis.call('ZRANGE', ends_key, 0, 1)) do
    if redis.call('EXISTS', token_key(string.sub(member, 1, 8))) == 1 then break end
    end_token(string.sub(member, 1, 8), string.sub(member, 9))
end
local ended = redis.call('LINDEX', ended_key, 0)
if ended then sweep(ended, 2) end
return 'done'
