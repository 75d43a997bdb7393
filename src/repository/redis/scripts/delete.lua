-- digest
local id, user = find_token(ARGV[1])
if not id then return false end
local found = redis.call('HMGET', token_key(id), 'family', 'kind')
announce(user)
if end_token(id, user) == 0 then return false end
return { id, user, found[1], found[2] }
