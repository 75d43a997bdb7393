-- user, id
local user, id = ARGV[1], ARGV[2]
local kind = redis.call('HGET', token_key(id), 'kind')
if is_listed(id, user) then announce(user) end
local ended = end_token(id, user)
if ended == 1 and (kind == 'api' or kind == 'refresh') then end_family(id, user) end
return ended
