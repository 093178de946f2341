-- Posts the bodies of the file $BODIES, one a line, over and over in their order; with the key $KEY, where there is one.
-- With $PAUSE each connection waits at random between requests, so many milliseconds on average.
local requests, at = {}, 0

function init()
  local headers, key = { ["Content-Type"] = "application/json" }, os.getenv("KEY")
  if key and key ~= "" then headers["Authorization"] = "Bearer " .. key end
  for line in io.lines(os.getenv("BODIES")) do
    requests[#requests + 1] = wrk.format("POST", nil, headers, line)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

local pause = tonumber(os.getenv("PAUSE") or "0")
if pause > 0 then
  function delay()
    return -pause * math.log(1 - math.random())
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %.3f %.4f %.4f %d\n", summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status + errors.connect + errors.timeout + errors.read + errors.write))
end
