-- Promise: counts what is about to be decided and answers, in the same step, what was counted before it and with it;
-- many decisions in one call. What is no record of ours is begun anew.
--
-- ARGV[1] packed: shapes {{prefix...}, {bucket...}, {0: read, 1: add one, 2: add the amount...}, {seconds since which
-- members are counted...}, second}; groups, each with lines, flat: shape, name, amount, member; and by the place of a
-- name: its other names, and the other names of the member that comes with it.
-- Answers packed and flat, in the order of groups and lines: sums, numbers of members, first seen or -1.
local MEMBERS_MAX, DAY, YEAR = 300, 86400, 31622400
local asked = unpacked(ARGV[1])
local shapes, answers, size = asked[1], {}, 0

local function is_among(list, item)
  for n = 1, #list do
    if list[n] == item then return true end
  end
  return false
end

-- Keeps the members of a day, with this one among them; answers how many were seen since each moment.
local function met(record, shape, member, former)
  local old, second, kept, length = record[2], shape[5], {}, 0
  for n = 1, #old, 2 do
    local who, last = old[n], old[n + 1]
    if last > second + YEAR then
      -- Later than any late event explains: it would be kept, and count, for ever.
    elseif who == member then
      second = math.max(second, last)
    elseif last > second - DAY and length < 2 * MEMBERS_MAX and not (former and is_among(former, who)) then
      kept[length + 1], kept[length + 2] = who, last
      length = length + 2
    end
  end
  if member ~= '' then
    kept[length + 1], kept[length + 2] = member, second
    length = length + 2
  end
  record[2] = kept
  for _, since in ipairs(shape[4]) do
    local number = 0
    for n = 2, length, 2 do
      if kept[n] > since then number = number + 1 end
    end
    size = size + 1
    answers[size] = number
  end
end

local function counted(shape, record, amount, member, former)
  local prefixes, buckets, adds = shape[1], shape[2], shape[3]
  for n = 1, #prefixes do
    local add = adds[n]
    if add == 2 then add = amount end
    answers[size + 1] = turned(record[3], prefixes[n], buckets[n], add)
    size = size + 1
  end
  if #shape[4] > 0 then met(record, shape, member, former) end
  size = size + 1
  answers[size] = record[1] > 0 and record[1] or -1
end

-- What is known under another key of the ring is from now on known under this one.
local function adopted(group, records, changed)
  local left = {}
  for place, others in pairs(group[6]) do
    for _, other in ipairs(others) do
      if records[other] then
        if not records[place] then records[place], changed[place] = records[other], true end
        left[#left + 1], records[other] = group[4][other], false
      end
    end
  end
  if #left > 0 then
    redis.call('HDEL', group[1], unpack(left))
    redis.pcall('HDEL', group[2], unpack(left))
  end
end

for _, group in ipairs(asked[2]) do
  local records, changed, lines = loaded(group), {}, group[5]
  adopted(group, records, changed)
  for n = 1, #lines, 4 do
    local shape, place, amount, member = shapes[lines[n]], lines[n + 1], lines[n + 2], lines[n + 3]
    local record, former, before = records[place] or blank(), group[7][place], size
    if not pcall(counted, shape, record, amount, member, former) then
      record, size = blank(), before
      counted(shape, record, amount, member, former)
    end
    -- A link has no counters: it is remembered behind the reply, once the database was asked.
    if shape[5] > 0 then records[place], changed[place] = record, true end
  end
  stored(group, records, changed)
end
return packed(answers)
