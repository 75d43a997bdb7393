-- digest
local id, user = find_token(ARGV[1])
local family = id and redis.call('HGET', token_key(id), 'family')
if not id or end_token(id, user) == 0 then return false end
return { id, user, family }
