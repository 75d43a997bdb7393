-- digest
local id, user = find_token(ARGV[1])
local found = id and redis.call('HMGET', token_key(id), 'family', 'kind')
if not id or end_token(id, user) == 0 then return false end
return { id, user, found[1], found[2] }
