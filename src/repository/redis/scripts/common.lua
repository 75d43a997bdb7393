local tag = KEYS[1]
local ends_key = tag .. ':ends'

-- How long Redis keeps a token after its end, in seconds: an hour. Whether it is valid is decided by the caller's clock
-- alone; Redis' own only makes room, and this is how far the two may be apart.
local GRACE = 3600
-- What ends later than in a hundred years is not given to Redis to end.
local LONGEST = 3153600000

local function token_key(digest) return tag .. ':token:' .. digest end
local function id_key(id) return tag .. ':id:' .. id end
local function user_key(user) return tag .. ':user:' .. user end
local function user_tokens_key(user) return tag .. ':user-tokens:' .. user end

-- A token among the ends: 32 bytes, 8 bytes, the rest.
local function end_member(digest, id, user) return digest .. id .. user end

-- `ends` is false for never.
local function is_live(ends, now) return not ends or tonumber(ends) > tonumber(now) end

local function is_enabled(user) return redis.call('HGET', user_key(user), 'disabled') == '0' end

-- Enters a token into the indexes, and says when Redis may forget it. `ends` is false for never.
local function index(digest, id, user, created, ends, now)
    local mine = user_tokens_key(user)
    local is_first = redis.call('EXISTS', mine) == 0
    redis.call('SET', id_key(id), digest)
    redis.call('ZADD', mine, created, id)
    local ttl = LONGEST + 1
    if ends then
        redis.call('ZADD', ends_key, ends, end_member(digest, id, user))
        ttl = math.max(tonumber(ends) - tonumber(now), 0) + GRACE
    end
    if ttl > LONGEST then
        redis.call('PERSIST', token_key(digest))
        redis.call('PERSIST', mine)
        return
    end
    local seconds = string.format('%.0f', ttl)
    redis.call('EXPIRE', token_key(digest), seconds)
    redis.call('EXPIRE', id_key(id), seconds)
    local left = redis.call('TTL', mine)
    if is_first or (left >= 0 and left < ttl) then redis.call('EXPIRE', mine, seconds) end
end

-- Removes a token from everywhere. 1: it was there.
local function forget(digest, id, user)
    local holder = redis.call('GET', id_key(id))
    if not holder or holder == digest then
        redis.call('DEL', id_key(id))
        redis.call('ZREM', user_tokens_key(user), id)
    end
    redis.call('ZREM', ends_key, end_member(digest, id, user))
    return redis.call('DEL', token_key(digest))
end

local function forget_end_member(member)
    forget(string.sub(member, 1, 32), string.sub(member, 33, 40), string.sub(member, 41))
end

-- Ends all tokens of a user, but the one with the id `keep`. Says how many.
local function forget_all(user, keep)
    local mine, count = user_tokens_key(user), 0
    for _, id in ipairs(redis.call('ZRANGE', mine, 0, -1)) do
        if id ~= keep then
            local digest = redis.call('GET', id_key(id))
            if digest then count = count + forget(digest, id, user) end
            redis.call('ZREM', mine, id)
        end
    end
    return count
end

local function record(digest)
    return redis.call('HMGET', token_key(digest),
        'id', 'created', 'authenticated', 'used', 'absolute', 'idle', 'name', 'code', 'user', 'ends')
end

local function level_title(level) return redis.call('HGET', tag .. ':levels', level) end

local function user_row(user)
    local found = redis.call('HMGET', user_key(user), 'disabled', 'level')
    if not found[1] then return false end
    return { user, found[1], found[2], level_title(found[2]) }
end
