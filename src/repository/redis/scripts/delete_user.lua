-- user
forget_all(ARGV[1])
redis.call('ZREM', tag .. ':users', ARGV[1])
return redis.call('DEL', user_key(ARGV[1]))
