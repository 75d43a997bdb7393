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

-- Announces a change of this user or of one of their tokens, once in a script. A script does it before its first change: if
-- the rights do not reach to the channel, it ends here and has changed nothing.
local announced = {}
local function announce(user)
    if announced[user] then return end
    announced[user] = true
    redis.call('PUBLISH', tag .. ':changes', 'u' .. user)
end

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

-- Ends the tokens of this user's that are a part of this one.
local function end_family(head, user)
    for _, id in ipairs(redis.call('ZRANGE', tokens_key(user), 0, -1)) do
        if redis.call('HGET', token_key(id), 'family') == head then end_token(id, user) end
    end
end

-- `kinds` are names between commas, or '' for all of them.
local function is_of(kind, kinds) return kinds == '' or string.find(kinds, ',' .. (kind or 'login') .. ',', 1, true) end

-- Ends all tokens of a user that are of these kinds, but the one with the id `keep` and its family, by moving their list to
-- `name`, whatever their number. Then removes up to `limit` of them. Says how many there were, and how many are left to
-- remove.
local function end_all(user, name, keep, kinds, limit)
    local mine, list, kept = tokens_key(user), ended_key .. ':' .. name, {}
    local has_family = keep and is_of(redis.call('HGET', token_key(keep), 'kind'), ',api,refresh,')
    if kinds == '' and not has_family then
        local created = keep and redis.call('ZSCORE', mine, keep)
        if created then kept[1] = { created, keep } end
    else
        local listed = redis.call('ZRANGE', mine, 0, -1, 'WITHSCORES')
        for place = 1, #listed, 2 do
            local id = listed[place]
            local found = redis.call('HMGET', token_key(id), 'kind', 'family')
            local is_kept = keep and (id == keep or found[2] == keep)
            if is_kept or not is_of(found[1], kinds) then kept[#kept + 1] = { listed[place + 1], id } end
        end
    end
    if redis.call('ZCARD', mine) == #kept then return 0, 0 end
    announce(user)
    redis.call('RENAME', mine, list)
    redis.call('RPUSH', ended_key, name)
    for _, member in ipairs(kept) do
        redis.call('ZREM', list, member[2])
        redis.call('ZADD', mine, member[1], member[2])
    end
    return sweep(name, limit)
end

-- A token's columns, without its level.
local function record(id)
    local found = redis.call('HMGET', token_key(id),
        'digest', 'created', 'authenticated', 'used', 'absolute', 'idle', 'name', 'code', 'kind', 'family', 'abilities',
        'four', 'user', 'ends')
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
