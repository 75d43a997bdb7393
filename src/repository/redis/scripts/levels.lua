return redis.call('HGETALL', tag .. ':levels')
