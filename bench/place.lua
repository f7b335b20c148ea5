-- wrk's side of bench/place.py: every request is another basket, another buyer, another Idempotency-Key.
local threads = 0
function setup(thread) thread:set("id", threads); threads = threads + 1 end

function init(args)
  mode, key = args[1], args[2]
  math.randomseed(os.time() * 1000 + tonumber(args[3]) + id * 7919)
  run, n = args[3] .. "-" .. id, 0
end

function request()
  n = n + 1
  local lines
  if mode == "hot" then
    lines = '{"sku":"SKU-0000","quantity":1},{"sku":"SKU-0000","quantity":2}'
  else
    local a = math.random(0, 999)
    local b = (a + math.random(1, 999)) % 1000
    lines = string.format('{"sku":"SKU-%04d","quantity":%d},{"sku":"SKU-%04d","quantity":1}', a, math.random(1, 3), b)
  end
  local body = string.format('{"channel":"web","customer":{"name":"Rahima Khatun","phone":"017%08d"},"ship_to":{"recipient":"Rahima Khatun",' ..
    '"division":"Dhaka","district":"Dhaka","upazila":"Mirpur","area":"Mirpur 10","line":"House %d, Road 5","landmark":"Beside the stadium",' ..
    '"postcode":"1216"},"lines":[%s],"payment_method":"cod"}', math.random(0, 99999999), math.random(1, 200), lines)
  return wrk.format("POST", "/v1/orders", {["Authorization"] = "Bearer " .. key, ["Content-Type"] = "application/json",
    ["Idempotency-Key"] = run .. "-" .. n}, body)
end

function done(summary, latency, requests)
  io.write(string.format('RESULT {"requests":%d,"duration_us":%d,"refused":%d,"broken":%d,"p50":%d,"p95":%d,"p99":%d}\n',
    summary.requests, summary.duration, summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
