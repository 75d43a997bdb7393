-- user, now, how many to pass over, how many to give
local mine, skip, limit, found = user_tokens_key(ARGV[1]), tonumber(ARGV[3]), tonumber(ARGV[4]), {}
for _, id in ipairs(redis.call('ZREVRANGE', mine, 0, -1)) do
    local digest = redis.call('GET', id_key(id))
    if not digest then
        redis.call('ZREM', mine, id)
    else
        local row = record(digest)
        if row[1] and is_live(row[10], ARGV[2]) then
            if skip > 0 then
                skip = skip - 1
            else
                found[#found + 1] = row
                if #found == limit then break end
            end
        end
    end
end
return found
