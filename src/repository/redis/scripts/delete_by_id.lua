-- user, id
return end_token(ARGV[2], ARGV[1])
