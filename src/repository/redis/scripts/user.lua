-- user
return user_row(ARGV[1])
