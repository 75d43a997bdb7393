return redis.call('HGETALL', tag .. ':level-ids')
