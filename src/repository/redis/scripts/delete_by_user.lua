-- user, name of the list of what has ended, id to keep or '', kinds between commas or '' for all, how many to remove
return { end_all(ARGV[1], ARGV[2], ARGV[3] ~= '' and ARGV[3], ARGV[4], ARGV[5]) }
