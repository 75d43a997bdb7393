-- user, now, id of the last token that was looked at or '', its place plus 1, how many to pass over, how many to give,
-- how many to look at, kinds between commas or '' for all
local user, now, last, first = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local skip, limit, most, found = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), {}
local mine = tokens_key(user)
-- Newer tokens may have come meanwhile.
local place = last ~= '' and redis.call('ZREVRANK', mine, last)
if place then first = place + 1 end
local ids, looked_at = redis.call('ZREVRANGE', mine, first, first + most - 1), 0
for _, id in ipairs(ids) do
    looked_at, last = looked_at + 1, id
    local row = record(id)
    -- A token that Redis has let go, or half of it, finds no user.
    if row[13] == user and is_live(row[14], now) and is_of(row[9], ARGV[8]) then
        if skip > 0 then
            skip = skip - 1
        else
            found[#found + 1] = row
            if #found == limit then break end
        end
    end
end
local is_over = (#found == limit or #ids < most) and 1 or 0
return { is_over, last, first + looked_at, skip, found }
