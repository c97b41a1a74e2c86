-- A body of its own in every request, signed. At the end every connection gets half a request, so that it
-- waits in silence until wrk closes it: by then every push has been answered, and sent is acknowledged.
local ffi = require("ffi")
ffi.cdef[[
typedef struct { long s; long ns; } bench_time;
int clock_gettime(int clock, bench_time *now);
typedef struct evp_md_st EVP_MD;
const EVP_MD *EVP_sha256(void);
unsigned char *HMAC(const EVP_MD *kind, const void *key, int key_size,
                    const unsigned char *text, size_t size, unsigned char *digest, unsigned int *digest_size);
]]
local C = ffi.C -- wrk is linked with libcrypto
local MONOTONIC = 1

-- request() runs in the thread's own state, done() in another: they share what thread:get can read.
local threads = {}
function setup(thread) table.insert(threads, thread) end

local instant = ffi.new("bench_time")
local function now()
  C.clock_gettime(MONOTONIC, instant)
  return tonumber(instant.s) + tonumber(instant.ns) / 1e9
end

local HEX = {}
for byte = 0, 255 do HEX[byte] = string.format("%02x", byte) end
local digest = ffi.new("unsigned char[32]")
local digest_size = ffi.new("unsigned int[1]")
local part = {}
local function signature(secret, body)
  C.HMAC(C.EVP_sha256(), secret, #secret, body, #body, digest, digest_size)
  for i = 0, 31 do part[i + 1] = HEX[digest[i]] end
  return table.concat(part)
end

function init(_)
  secret = os.getenv("BENCH_SECRET")
  first_clue = os.getenv("BENCH_FIRST_CLUE") -- all digits but the last nine
  first_mobile = tonumber(os.getenv("BENCH_FIRST_MOBILE"))
  mobiles = tonumber(os.getenv("BENCH_MOBILES"))
  seconds = tonumber(os.getenv("BENCH_SECONDS"))
  local body = os.getenv("BENCH_BODY")
  before, between, after = body:match("^(.*)@CLUE@(.*)@MOBILE@(.*)$")
  local size = #before + #first_clue + 9 + #between + 11 + #after
  head = "POST " .. os.getenv("BENCH_PATH") .. " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port ..
    "\r\nContent-Type: application/json\r\nContent-Length: " .. size .. "\r\n" ..
    os.getenv("BENCH_HEADER") .. ": "
  trial = "GET / HTTP/1.1\r\nHost: " .. wrk.host .. "\r\n\r\n"
  half = "GET / HTTP/1.1\r\n"
  sent, lasted, started, is_trial, is_over = 0, 0, 0, true, false
end

function request()
  if is_trial then -- wrk asks once before it starts, and throws that one away
    is_trial = false
    return trial
  end
  if is_over then return half end
  local instant_s = now()
  if started == 0 then started = instant_s end
  lasted = instant_s - started
  if lasted >= seconds then
    is_over = true
    return half
  end
  sent = sent + 1
  local body = before .. first_clue .. string.format("%09d", sent) .. between ..
    string.format("%d", first_mobile + (sent * 7919) % mobiles) .. after
  return head .. signature(secret, body) .. "\r\n\r\n" .. body
end

function done(summary, _, _)
  local sum, longest = 0, 0
  for _, thread in ipairs(threads) do
    sum = sum + thread:get("sent")
    longest = math.max(longest, thread:get("lasted"))
  end
  local e = summary.errors
  io.write(string.format('BENCH {"sent": %d, "seconds": %.6f, "refused": %d, "broken": %d}\n',
    sum, longest, e.status, e.connect + e.read + e.write + e.timeout))
end
