"""python3 constants.py [--images FOLDER] [--out FILE] [SECTION...]: measures what the plan of CUDA kernels rests on.

Needs the driver and the cubins that scripts/gpu-constants.mjs made beside this file; no toolkit, no package. Every section runs
in a process of its own with a time limit, its rows are written to FILE as they come.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from ctypes import byref, c_double, c_float, c_int, c_size_t, c_uint, c_uint64

KERNELS = 163  # of a step of Phi-3-mini: 5 a layer and 3
MB = 1e6


def row(name, value, unit, **parameters):
    print(json.dumps({"name": name, "value": value, "unit": unit, **parameters}), flush=True)


# ---- sections: each takes the GPU and the read-only bandwidth that was found so far, in bytes a microsecond


def device(gpu, _):
    from driver import Launch

    info = {name: gpu.attribute(name) for name in ("sms", "l2_bytes", "shared_bytes_per_sm", "clock_khz", "memory_clock_khz", "bus_bits")}
    row("device", gpu.name(), "", memory=gpu.memory(), driver=gpu.driver_version(), **info)
    out = gpu.zeros(16)
    Launch(gpu.function("clock_rate"), gpu.sms, 256, out, c_uint64(50_000_000))(gpu.stream)
    nanoseconds, cycles = gpu.read(out, c_uint64, 2)
    row("clock of a busy SM", cycles / nanoseconds * 1e3, "MHz")
    query = "clocks.sm,clocks.mem,power.draw,temperature.gpu"
    if shutil.which("nvidia-smi"):
        command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"]
        seen = subprocess.run(command, capture_output=True, text=True, timeout=10)
        row(f"nvidia-smi {query}", seen.stdout.strip(), "")


def copy(gpu, _):
    from driver import Launch, call

    size = 1 << 30
    a, b = gpu.random(size), gpu.alloc(size)
    us = gpu.time(lambda: call("cuMemcpyDtoDAsync_v2", b, a, c_size_t(size), gpu.stream))
    row("copy by the driver, read + write", 2 * size / us / 1e3, "GB/s")
    for blocks in (2, 4, 8):
        launch = Launch(gpu.function("copy"), gpu.sms * blocks, 256, a, c_uint64(size // 16), b)
        row("copy by a kernel, read + write", 2 * size / gpu.time(lambda: launch(gpu.stream)) / 1e3, "GB/s", blocks=blocks)


def read(gpu, _):
    from driver import Launch

    size, out = 1 << 30, gpu.zeros(16)
    data = gpu.random(size)
    for loads in (1, 2, 4, 8):
        function = gpu.function(f"read_{loads}")
        for threads in (256, 512):
            for blocks in (1, 2, 3, 4):
                launch = Launch(function, gpu.sms * blocks, threads, data, c_uint64(size // 16), out)
                rate = size / gpu.time(lambda: launch(gpu.stream)) / 1e3
                row("read by ld.nc", rate, "GB/s", loads=loads, threads=threads, blocks=blocks)
    repeats = 32
    for small in (8 << 20, 16 << 20, 32 << 20):
        launch = Launch(gpu.function("read_cached"), gpu.sms * 2, 512, data, c_uint(small // 16), c_uint(repeats), out)
        row("L2 read by ld.nc", repeats * small / gpu.time(lambda: launch(gpu.stream)) / 1e3, "GB/s", bytes=small)


def bulk(gpu, _):
    from driver import Launch

    if gpu.attribute("major") < 9:
        return row("read by cp.async.bulk", None, "GB/s", skipped="needs capability 9.0")
    size, out, most = 1 << 30, gpu.zeros(16), gpu.attribute("shared_bytes_per_block")
    data = gpu.random(size)
    for stage, stages, blocks in ((4, 8, 1), (8, 4, 1), (8, 8, 1), (16, 4, 1), (16, 8, 1), (16, 12, 1), (32, 6, 1), (4, 8, 2), (8, 8, 2), (16, 6, 2), (8, 6, 4)):
        shared = stage * stages * 1024
        if shared + 1024 > most or (shared + 2048) * blocks > gpu.attribute("shared_bytes_per_sm"):
            continue
        function = gpu.function("read_bulk", shared)
        launch = Launch(function, gpu.sms * blocks, 256, data, c_uint64(size), c_uint(stages), c_uint(stage * 1024), out, shared=shared)
        rate = size / gpu.time(lambda: launch(gpu.stream)) / 1e3
        row("read by cp.async.bulk", rate, "GB/s", stage_kb=stage, stages=stages, blocks=blocks)


def share_of(blocks, vectors):
    return c_uint(vectors), c_uint(-(-vectors // blocks))


def boundary(gpu, bandwidth):
    from driver import PROGRAMMATIC, Graph, Launch

    threads = 512
    words = gpu.sms * threads
    ends = [gpu.zeros(4 * words) for _ in range(2)]
    most = 28.3 * MB
    slices = KERNELS
    data = gpu.random(int(slices * 5.3 * MB) + int(most))
    for size in (0, 5.3 * MB, 15.9 * MB, most):
        vectors = int(size) // 16
        rotation = max(1, int(slices * 5.3 * MB) // max(1, int(size)))

        def launches(name, attribute=None):
            function = gpu.function(name)
            made = []
            for i in range(KERNELS):
                at = c_uint64(data.value + i % rotation * vectors * 16)
                x, y = ends[i % 2], ends[(i + 1) % 2]
                between = [c_uint(3072)] if name == "step_norm" else []
                made.append(Launch(function, gpu.sms, threads, at, *share_of(gpu.sms, vectors), x, *between, y, attribute=attribute))
            return made

        def all_of(made):
            for launch in made:
                launch(gpu.stream)

        plain, early, late = launches("step"), launches("step", PROGRAMMATIC), launches("step_late", PROGRAMMATIC)
        normed = launches("step_norm", PROGRAMMATIC)
        ways = [
            ("stream", plain, False),
            ("stream, programmatic", early, False),
            ("graph", plain, True),
            ("graph, programmatic at the start", early, True),
            ("graph, programmatic at the end", late, True),
            ("graph, programmatic, a norm in front", normed, True),
        ]
        for way, made, as_graph in ways:
            if "programmatic" in way and gpu.attribute("major") < 9:
                continue
            enqueue = lambda: all_of(made)
            if as_graph:
                graph = Graph(gpu.stream, enqueue)
                enqueue = lambda: graph(gpu.stream)
            us = gpu.time(enqueue, ahead=300e-6 if as_graph else 4e-3) / KERNELS
            beyond = {"beyond_streaming": us - size / bandwidth} if bandwidth else {}
            row(f"kernel of a {way}", us, "us", bytes=int(size), **beyond)
    start = time.perf_counter()
    all_of(plain)
    row("enqueueing a kernel from Python", (time.perf_counter() - start) / KERNELS * 1e6, "us")
    gpu.sync()


def barrier(gpu, bandwidth):
    from driver import COOPERATIVE, Launch, call

    function, threads, slices, count = gpu.function("phases"), 512, 40, 163
    data, out = gpu.random(int(slices * 5.3 * MB)), gpu.zeros(16)
    counter, x = gpu.zeros(16), gpu.zeros(2 * 4 * threads * gpu.sms * 2)
    for blocks in (1, 2):
        for size in (0, 5.3 * MB):
            grid = gpu.sms * blocks
            launch = Launch(
                function, grid, threads, data, *share_of(grid, int(size) // 16), c_uint(slices), c_uint(count), counter, x, out,
                attribute=COOPERATIVE,
            )

            def enqueue():
                call("cuMemsetD32Async", counter, 0, c_size_t(1), gpu.stream)
                launch(gpu.stream)

            us = gpu.time(enqueue) / count
            beyond = {"beyond_streaming": us - size / bandwidth} if bandwidth else {}
            row("phase between barriers of the grid", us, "us", bytes=int(size), blocks=blocks, **beyond)
    if gpu.read(out, c_uint, 1)[0]:
        row("barriers that took over a second", 1, "")


def transfer(gpu, _):
    from driver import call

    size = 256 << 20
    host, memory = gpu.host(size), gpu.alloc(size)
    for chunk in (size, 8 << 20):

        def up():
            for at in range(0, size, chunk):
                call("cuMemcpyHtoDAsync_v2", c_uint64(memory.value + at), c_uint64(host.value + at), c_size_t(chunk), gpu.stream)

        row("pinned host to device", size / gpu.time(up) / 1e3, "GB/s", chunk=chunk)
    down = lambda: call("cuMemcpyDtoHAsync_v2", host, memory, c_size_t(size), gpu.stream)
    row("device to pinned host", size / gpu.time(down) / 1e3, "GB/s", chunk=size)


def latency(gpu, _, waiting="spinning"):
    from driver import BLOCKING_EVENT, Graph, Launch, call, library

    threads = 512
    x, y = (gpu.zeros(4 * gpu.sms * threads) for _ in range(2))
    host = gpu.host(4096)
    launch = Launch(gpu.function("step"), gpu.sms, threads, x, *share_of(gpu.sms, 0), x, y)

    def record():
        launch(gpu.stream)
        call("cuMemcpyDtoHAsync_v2", host, y, c_size_t(8), gpu.stream)

    graph = Graph(gpu.stream, record)

    def through_stream():
        graph(gpu.stream)
        gpu.sync()

    row("graph of a kernel, 8 bytes back, wait", gpu.wait_for(through_stream), "us", waiting=f"stream, {waiting}")
    if waiting != "spinning":
        return
    event = gpu.event(BLOCKING_EVENT)

    def through_event():
        graph(gpu.stream)
        call("cuEventRecord", event, gpu.stream)
        call("cuEventSynchronize", event)

    row("graph of a kernel, 8 bytes back, wait", gpu.wait_for(through_event), "us", waiting="blocking event")

    def polled():
        graph(gpu.stream)
        call("cuEventRecord", event, gpu.stream)
        while library.cuEventQuery(event) != 0:
            pass

    row("graph of a kernel, 8 bytes back, wait", gpu.wait_for(polled), "us", waiting="event queried in a loop")

    def enqueue_only():
        graph(gpu.stream)

    row("graph launch, the host's part", gpu.wait_for(enqueue_only), "us")
    gpu.sync()
    version = c_int()
    row("a call of the driver by ctypes", gpu.wait_for(lambda: call("cuDriverGetVersion", byref(version))), "us")


def blocking(gpu, bandwidth):
    latency(gpu, bandwidth, "blocking")


def precision(gpu, _):
    from driver import Launch

    rows = 256
    approximate, exact = gpu.alloc(rows * 8 * 4), gpu.alloc(rows * 8 * 8)
    forms = ("float16 levels", "levels biased by 1024", "float16 products of level and scale")
    for columns in (3072, 8192):
        for group in (32, 128):
            sizes = (c_uint(columns), c_uint(group))
            Launch(gpu.function("precision_exact"), rows // 16, 128, *sizes, exact)(gpu.stream)
            right = gpu.read(exact, c_double, rows * 8)
            norm = sum(value * value for value in right) ** 0.5
            for form, name in enumerate(forms):
                Launch(gpu.function("precision"), rows // 16, 32, *sizes, c_uint(form), approximate)(gpu.stream)
                found = gpu.read(approximate, c_float, rows * 8)
                error = sum((a - b) ** 2 for a, b in zip(found, right)) ** 0.5
                row("relative error of mma.m16n8k16", error / norm, "", form=name, columns=columns, group=group)


SECTIONS = {  # seconds
    "device": (device, 8),
    "copy": (copy, 6),
    "read": (read, 8),
    "bulk": (bulk, 6),
    "boundary": (boundary, 9),
    "barrier": (barrier, 7),
    "transfer": (transfer, 6),
    "latency": (latency, 6),
    "blocking": (blocking, 6),
    "precision": (precision, 8),
}

# ---- the parent


def run_section(name, seconds, images, bandwidth):
    """Rows, and what went wrong or None."""
    command = [sys.executable, os.path.abspath(__file__), "--child", "--images", images, "--bandwidth", str(bandwidth or 0), name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, errors = process.communicate(timeout=seconds)
        failure = None if process.returncode == 0 else (errors.strip().splitlines() or [f"exit {process.returncode}"])[-1]
    except subprocess.TimeoutExpired:
        process.kill()
        out, _ = process.communicate()
        failure = f"took longer than {seconds} s"
    rows = [json.loads(line) for line in out.splitlines() if line.startswith("{") and line.endswith("}")]
    return rows, failure


def write(path, result):
    with open(f"{path}.part", "w") as file:
        json.dump(result, file, indent=1)
    os.replace(f"{path}.part", path)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", default=here)
    parser.add_argument("--out", default="constants.json")
    parser.add_argument("--child", action="store_true")
    parser.add_argument("--bandwidth", type=float)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    options = parser.parse_args()
    if options.child:
        from driver import BLOCKING, SPIN, Gpu

        [name] = options.sections
        gpu = Gpu(options.images, BLOCKING if name == "blocking" else SPIN)
        SECTIONS[name][0](gpu, options.bandwidth)
        return 0
    result = {"stage": "constants", "rows": [], "failures": []}
    for name in options.sections or SECTIONS:
        start = time.monotonic()
        best = max((each["value"] for each in result["rows"] if each["name"].startswith("read by") and each["value"]), default=None)
        rows, failure = run_section(name, SECTIONS[name][1], options.images, best and best * 1e3)
        for each in rows:
            result["rows"].append({"section": name, **each})
            parameters = ", ".join(f"{key} {each[key]}" for key in each if key not in ("name", "value", "unit"))
            value = f"{each['value']:.4g}" if isinstance(each["value"], float) else each["value"]
            print(f"{name}: {each['name']} = {value} {each['unit']} ({parameters})", flush=True)
        if failure:
            result["failures"].append({"section": name, "failure": failure})
            print(f"{name}: FAILED: {failure}", flush=True)
        print(f"{name}: {time.monotonic() - start:.1f} s", flush=True)
        write(options.out, result)
    return 1 if result["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
