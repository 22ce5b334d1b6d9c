#!/usr/bin/env bash
# bash run.sh [--results FOLDER] [STAGE...]: judges the CUDA backend on the GPU of this machine, in at most 8 minutes. Needs no npm and no
# compiler; Python with torch only for the baselines. Every stage has its own time limit, and its log and results are written as they
# come, to results/ beside this file or to FOLDER. At the end one table of all.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
results=$here/results
[[ ${1:-} != --results ]] || { results=$2; shift 2; }
mkdir -p "$results"
results=$(cd "$results" && pwd)
asked=" $* "

home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
for part in node lophi; do tar -xJf "$here/$part.tar.xz" -C "$home" 2>/dev/null || python3 -m tarfile -e "$here/$part.tar.xz" "$home"; done
cd "$home" || exit 1
chmod +x node
export PATH=$home:$PATH LOPHI_CUDA_DRIVER= RESULTS=$results

# stage NAME SECONDS COMMAND...
stage() {
  local name=$1 limit=$2 start=$SECONDS status=0
  shift 2
  [[ $asked == '  ' || $asked == *" $name "* ]] || return 0
  printf '\n=== %s (at most %d s)\n' "$name" "$limit"
  timeout --kill-after=5 "$limit" "$@" >"$results/$name.log" 2>&1 || status=$?
  tail -n 25 "$results/$name.log"
  printf '{"stage":"%s","status":%d,"seconds":%d,"limit":%d}\n' "$name" $status $((SECONDS - start)) "$limit" >>"$results/stages.jsonl"
}
# tests NAME SECONDS PATTERN FILE...
tests() {
  local name=$1 limit=$2 pattern=$3
  shift 3
  stage "$name" "$limit" node runner.mjs --report "$results/$name.json" -t "$pattern" "${@/%.ts/.js}"
}

stage machine 20 bash -c 'nvidia-smi; nvcc --version; python3 -c "import torch; print(torch.__version__, torch.cuda.get_device_name())"; node lib/cli/main.js devices'
stage constants 60 python3 test/gpu/constants.py --images constants --out "$results/constants.json"
tests ops 90 'cuda:' test/ops/ops.test.ts
tests seam 40 'cuda:' test/record/seam.test.ts
stage tiny 30 node lib/cli/main.js run models/tiny-phi3 -p 'What is 27 + 48?' --device cuda:0
stage kernels 110 node test/gpu/kernels.js --out "$results/kernels.json" --seconds "${KERNEL_SECONDS:-80}"
for format in q4_0 q4_k_m q8_0 f16; do
  stage "mini-$format" 60 node test/gpu/mini.js "$format" --out "$results/mini-$format.json"
done
stage torch 75 python3 test/gpu/torch_baselines.py --out "$results/torch.json" --seconds ${TORCH_SECONDS:-50}
stage sanitizer 65 node test/gpu/sanitizer.mjs --runner runner.mjs --tests test/ops/ops.test.js --logs "$results" --out "$results/sanitizer.json" --seconds 50
sections=$(printf -- '--section %s ' SpeedOfLight MemoryWorkloadAnalysis LaunchStats Occupancy SchedulerStats WarpStateStats InstructionStats)
ncu=$(command -v ncu || ls /opt/nvidia/nsight-compute/*/ncu 2>/dev/null | tail -n 1)
[[ -z $ncu ]] || stage profile 70 "$ncu" --clock-control none --target-processes all -k 'regex:^(linear|attention)' $sections node test/gpu/profile.js

node test/gpu/report.mjs "$results" | tee "$results/report.md"
