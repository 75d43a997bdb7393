-- user, id to keep or ''
return forget_all(ARGV[1], ARGV[2])
