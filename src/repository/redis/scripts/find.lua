-- digest, now
local tag = KEYS[1]
-- A write that changes nothing, for a server that has become a replica refuses it: its tokens may be long over.
local refused = redis.pcall('PERSIST', tag)
if type(refused) == 'table' and string.find(refused.err, 'READONLY', 1, true) then return refused end
local id = redis.call('GET', tag .. ':digest:' .. ARGV[1])
if not id then return false end
local found = redis.call('HMGET', tag .. ':token:' .. id,
    'digest', 'created', 'authenticated', 'used', 'absolute', 'idle', 'name', 'code', 'kind', 'family', 'abilities',
    'four', 'user', 'ends')
local user, ends = found[13], found[14]
if found[1] ~= ARGV[1] or not user or (ends and tonumber(ends) <= tonumber(ARGV[2])) then return false end
local account = redis.call('HMGET', tag .. ':user:' .. user, 'disabled', 'level', 'title')
if account[1] ~= '0' or not redis.call('ZSCORE', tag .. ':tokens:' .. user, id) then return false end
found[1], found[14], found[15] = id, account[2], account[3]
return found
