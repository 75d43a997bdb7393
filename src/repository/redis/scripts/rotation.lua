-- digest
local id = find_token(ARGV[1])
return id and redis.call('HGET', token_key(id), 'rotation')
