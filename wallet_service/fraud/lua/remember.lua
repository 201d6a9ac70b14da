-- Promise: puts back what the database remembers: when something was first seen, never later than what stands there,
-- and whom it was seen with. Run behind the reply, so that the next decision finds it.
--
-- ARGV[1] packed: groups, each with lines {name, first seen, {member, second...}}.
for _, group in ipairs(unpacked(ARGV[1])) do
  local records, changed = loaded(group), {}
  for _, line in ipairs(group[5]) do
    local record, known = records[line[1]] or blank(), {}
    if not (record[1] > 0 and record[1] < line[2]) then record[1] = line[2] end
    for n = 1, #record[2], 2 do known[tostring(record[2][n])] = true end
    for n = 1, #line[3], 2 do
      if not known[line[3][n]] then
        record[2][#record[2] + 1] = line[3][n]
        record[2][#record[2] + 1] = line[3][n + 1]
      end
    end
    records[line[1]], changed[line[1]] = record, true
  end
  stored(group, records, changed)
end
return packed({})
