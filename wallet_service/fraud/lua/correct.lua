-- Promise: adds to counters after the fact: attempts that failed, and, with a minus, repetitions that were no attempts.
-- Never leaves one below zero. Run behind the reply.
--
-- ARGV[1] packed: groups, each with lines {name, prefix, bucket, by}.
for _, group in ipairs(unpacked(ARGV[1])) do
  local records, changed = loaded(group), {}
  for _, line in ipairs(group[5]) do
    local record = records[line[1]] or blank()
    if pcall(turned, record[3], line[2], line[3], line[4]) then records[line[1]], changed[line[1]] = record, true end
  end
  stored(group, records, changed)
end
return packed({})
