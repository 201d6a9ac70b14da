-- What every script of ours begins with: records of counters, kept packed in one hash for each program and day.
--
-- A hash and not a key for each: a call from here costs more than all arithmetic on a record, so a batch makes a
-- handful of calls whatever its size. A record of yesterday's hash moves to today's when it is used; the hash before
-- goes as a whole.
--
-- A record: {first seen in seconds or 0, {member, second...}, {prefix = {bucket, count...}}}
-- A group: {today's hash, yesterday's hash, seconds to live, names, ...}; all else names a record by its place in names.
local BUCKETS, PART, SECOND_MAX = 6, 2000, 2 ^ 53
local unpacked, packed = cmsgpack.unpack, cmsgpack.pack

-- What is no hash is thrown away.
local function fetched(key, names)
  local got = {}
  for start = 1, #names, PART do
    local last = math.min(start + PART - 1, #names)
    local part = redis.pcall('HMGET', key, unpack(names, start, last))
    if part.err then
      redis.call('DEL', key)
      return {}
    end
    if start == 1 and last == #names then return part end
    for n = start, last do got[n] = part[n - start + 1] end
  end
  return got
end

local function blank() return {0, {}, {}} end

-- What is no record counts as none.
local function record_of(text)
  if not text then return false end
  local fine, record = pcall(unpacked, text)
  if not fine or type(record) ~= 'table' then return false end
  local first = record[1]
  if type(first) ~= 'number' or type(record[2]) ~= 'table' or type(record[3]) ~= 'table' then return false end
  -- No second that anybody wrote: it would be answered as it is, and none of the answers could be read.
  if not (first >= 0 and first <= SECOND_MAX and first == math.floor(first)) then return false end
  return record
end

local function loaded(group)
  local names, records = group[4], {}
  local today, missing, places = fetched(group[1], names), {}, {}
  for n = 1, #names do
    records[n] = record_of(today[n])
    if not records[n] then
      missing[#missing + 1], places[#places + 1] = names[n], n
    end
  end
  if #missing > 0 then
    local yesterday = fetched(group[2], missing)
    for n = 1, #places do records[places[n]] = record_of(yesterday[n]) end
  end
  return records
end

local function stored(group, records, changed)
  local names, list, size = group[4], {}, 0
  for n in pairs(changed) do
    list[size + 1], list[size + 2] = names[n], packed(records[n])
    size = size + 2
    if size >= PART then
      redis.call('HSET', group[1], unpack(list, 1, size))
      size = 0
    end
  end
  if size > 0 then redis.call('HSET', group[1], unpack(list, 1, size)) end
  redis.call('EXPIRE', group[1], group[3])
end

-- Adds to a bucket, drops those that no window reaches any more, and answers the sum of the window that ends with it.
local function turned(rings, prefix, bucket, add)
  local ring = rings[prefix]
  if not ring then
    if add ~= 0 then rings[prefix] = {bucket, math.max(add, 0)} end
    return math.max(add, 0)
  end
  local sum, kept, found = 0, 0, false
  for n = 1, #ring, 2 do
    local when, count = ring[n], ring[n + 1]
    if when == bucket then
      count, found = math.max(count + add, 0), true
    end
    if when >= bucket - BUCKETS then
      if when <= bucket then sum = sum + count end
      ring[kept + 1], ring[kept + 2] = when, count
      kept = kept + 2
    end
  end
  for n = #ring, kept + 1, -1 do ring[n] = nil end
  if not found and add > 0 then
    ring[kept + 1], ring[kept + 2] = bucket, add
    sum = sum + add
  end
  -- Not a number, or none that anybody counted: whoever called begins the record anew.
  if not (sum >= 0 and sum < 9e15 and sum == math.floor(sum)) then error('poisoned') end
  return sum
end
