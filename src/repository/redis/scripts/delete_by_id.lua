-- user, id
local digest = redis.call('GET', id_key(ARGV[2]))
if not digest or redis.call('HGET', token_key(digest), 'user') ~= ARGV[1] then return 0 end
return forget(digest, ARGV[2], ARGV[1])
