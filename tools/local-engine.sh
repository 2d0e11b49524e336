# shellcheck shell=bash
# Sourced by the tests of emulators: a DynamoDB with its table and published keys, in a folder that goes with it.
# start_engine ADDRESS: sets $data (keys.json and pseudonyms.key are there), $endpoint and $site; `stop` ends what was started.
data=$(mktemp -d)
started=()

stop() {
  local pid
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
  started=()
  rm -rf "$data"
}
trap stop EXIT
trap 'exit 130' INT TERM

start_engine() {
  local port
  cargo build --quiet --locked --profile local --package devserver
  port=$(free_port) endpoint=http://$1:$(free_port)
  site=http://127.0.0.1:$port
  # The origin of the events that bring a cookie.
  VESTIBULE_ORIGINS=http://127.0.0.1:3000 PORT=$port DYNAMODB_LISTEN=${endpoint#http://} \
    VESTIBULE_DATA=$data "${CARGO_TARGET_DIR:-target}/local/devserver" >"$data/engine.log" 2>&1 &
  started+=($!)
  wait_for "$site/health" "$data/engine.log" 30 "$!"
}

# Nobody listens there now. (Somebody might in a moment: the caller finds out.)
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 30000))
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

# wait_for URL LOG SECONDS PID: until it answers, whatever it says.
wait_for() {
  local end=$((SECONDS + $3))
  until curl --silent --max-time 5 --output /dev/null "$1"; do
    if ! kill -0 "$4" 2>/dev/null || ((SECONDS > end)); then
      tail -n 40 "$2" >&2
      echo "$1 does not answer" >&2
      exit 1
    fi
    sleep 0.3
  done
}
