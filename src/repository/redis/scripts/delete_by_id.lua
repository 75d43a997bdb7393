-- user, id
local user, id = ARGV[1], ARGV[2]
local kind = redis.call('HGET', token_key(id), 'kind')
local ended = end_token(id, user)
if ended == 1 and (kind == 'api' or kind == 'refresh') then end_family(id, user) end
return ended
