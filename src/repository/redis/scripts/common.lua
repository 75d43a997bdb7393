local tag = KEYS[1]
local ends_key, ended_key = tag .. ':ends', tag .. ':ended'

-- How long Redis keeps a token after its end, in seconds: 48 hours, as pruning does. Whether it is valid is decided by
-- the caller's clock alone; Redis' own only makes room, and this is how far the two may be apart.
local GRACE = 172800
-- What ends later than in a hundred years is not given to Redis to end.
local LONGEST = 3153600000

local function digest_key(digest) return tag .. ':digest:' .. digest end
local function token_key(id) return tag .. ':token:' .. id end
local function user_key(user) return tag .. ':user:' .. user end
local function tokens_key(user) return tag .. ':tokens:' .. user end

-- A token among the ends: 8 bytes, the rest.
local function end_member(id, user) return id .. user end

-- A Redis that is full refuses a script at its first write that may take room. After one that cannot, as this one, it
-- refuses nothing more: a user can be disabled even then.
local function allow_when_full() redis.call('PERSIST', tag) end

-- `ends` is false for never.
local function is_live(ends, now) return not ends or tonumber(ends) > tonumber(now) end

local function is_enabled(user) return redis.call('HGET', user_key(user), 'disabled') == '0' end

-- A token is one only while its user's list holds it. So all of them end when the list is moved away, and a token
-- whose list Redis has evicted is over.
local function is_listed(id, user) return redis.call('ZSCORE', tokens_key(user), id) end

-- The id of the token that this digest leads to, its user and its end.
local function find_token(digest)
    local id = redis.call('GET', digest_key(digest))
    if not id then return false end
    local found = redis.call('HMGET', token_key(id), 'digest', 'user', 'ends')
    if found[1] ~= digest or not found[2] or not is_listed(id, found[2]) then return false end
    return id, found[2], found[3]
end

local function id_is_taken(id)
    local user = redis.call('HGET', token_key(id), 'user')
    return user and is_listed(id, user)
end

-- Enters a token into the lists, and says when Redis may forget it. `ends` is false for never.
local function index(digest, id, user, created, ends, now)
    redis.call('ZADD', tokens_key(user), created, id)
    local ttl = LONGEST + 1
    if ends then
        redis.call('ZADD', ends_key, ends, end_member(id, user))
        ttl = math.max(tonumber(ends) - tonumber(now), 0) + GRACE
    else
        redis.call('ZREM', ends_key, end_member(id, user))
    end
    if ttl > LONGEST then
        redis.call('PERSIST', token_key(id))
        redis.call('PERSIST', digest_key(digest))
        return
    end
    local seconds = string.format('%.0f', ttl)
    redis.call('EXPIRE', token_key(id), seconds)
    redis.call('EXPIRE', digest_key(digest), seconds)
end

-- Removes what is kept of a token outside of the lists. 1: it was there.
local function remove(id)
    local digest = redis.call('HGET', token_key(id), 'digest')
    if digest and redis.call('GET', digest_key(digest)) == id then redis.call('DEL', digest_key(digest)) end
    return redis.call('DEL', token_key(id))
end

-- Ends a token of this user. 1: it was there.
local function end_token(id, user)
    local was_listed = redis.call('ZREM', tokens_key(user), id) == 1
    redis.call('ZREM', ends_key, end_member(id, user))
    -- Somebody else's token may have got the id of one that Redis has let go.
    if redis.call('HGET', token_key(id), 'user') ~= user then return 0 end
    local was_there = remove(id) == 1
    if was_listed and was_there then return 1 end
    return 0
end

-- Removes up to `limit` tokens of a list that was moved away. Says how many there were, and how many are left.
local function sweep(name, limit)
    local list, count = ended_key .. ':' .. name, 0
    local popped = redis.call('ZPOPMIN', list, limit)
    for place = 1, #popped, 2 do
        local id = popped[place]
        local user = redis.call('HGET', token_key(id), 'user')
        if user and not is_listed(id, user) then
            redis.call('ZREM', ends_key, end_member(id, user))
            count = count + remove(id)
        end
    end
    local left = redis.call('ZCARD', list)
    if left == 0 then redis.call('LREM', ended_key, 1, name) end
    return count, left
end

-- Ends all tokens of a user at once, but the one with the id `keep`, by moving their list to `name`, whatever their
-- number. Then removes up to `limit` of them. Says how many there were, and how many are left to remove.
local function end_all(user, name, keep, limit)
    local mine, list = tokens_key(user), ended_key .. ':' .. name
    local created = keep and redis.call('ZSCORE', mine, keep)
    if redis.call('ZCARD', mine) == (created and 1 or 0) then return 0, 0 end
    redis.call('RENAME', mine, list)
    redis.call('RPUSH', ended_key, name)
    if created then
        redis.call('ZREM', list, keep)
        redis.call('ZADD', mine, created, keep)
    end
    return sweep(name, limit)
end

-- A token's columns, without its level.
local function record(id)
    local found = redis.call('HMGET', token_key(id),
        'digest', 'created', 'authenticated', 'used', 'absolute', 'idle', 'name', 'code', 'user', 'ends')
    found[1] = id
    return found
end

local function user_row(user)
    local found = redis.call('HMGET', user_key(user), 'disabled', 'level', 'title')
    if not found[1] then return false end
    return { user, found[1], found[2], found[3] }
end

-- The last number that was given, and `start` where there is none.
local function last_number(key, start)
    local last = redis.call('GET', key)
    if last then return last end
    redis.call('SET', key, start)
    return start
end
