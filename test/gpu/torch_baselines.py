"""python3 torch_baselines.py [--out FILE] [--seconds N]: what PyTorch reaches on the shapes of Phi-3-mini, for comparison.

Weights rotate over more than the L2 holds; calls are timed as CUDA graphs; medians. Rows are written as they come; what N
seconds do not suffice for is listed as left out.
"""

import argparse
import json
import os
import statistics
import sys
import time

SHAPES = {"qkv": (9216, 3072), "o": (3072, 3072), "gate_up": (16384, 3072), "down": (3072, 8192), "head": (32064, 3072)}  # N, K
LAYER = ("qkv", "o", "gate_up", "down")
LAYERS = 32
ROWS = (1, 2, 4, 8, 16, 128, 512, 2048)
HEADS, HEAD_DIM = 32, 96
ROTATION = 200e6  # bytes
INNER_K_TILES = 8


class Report:
    def __init__(self, path, seconds):
        self.path, self.end = path, time.monotonic() + seconds
        self.result = {"stage": "torch", "rows": [], "failures": [], "left_out": []}
        self.write()

    def write(self):
        with open(f"{self.path}.part", "w") as file:
            json.dump(self.result, file, indent=1)
        os.replace(f"{self.path}.part", self.path)

    def row(self, **row):
        self.result["rows"].append(row)
        print(" ".join(f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in row.items()), flush=True)
        self.write()

    def attempt(self, what, measure):
        """A row per call of `measure`, which gives its figures."""
        if time.monotonic() > self.end:
            self.result["left_out"].append(what)
            return self.write()
        try:
            self.row(**what, **measure())
        except Exception as error:  # one that does not run must not hide the others
            text = (str(error).splitlines() or [""])[0][:200]
            self.result["failures"].append({**what, "failure": f"{type(error).__name__}: {text}"})
            print(f"FAILED {what}: {text}", flush=True)
            self.write()


def time_graph(torch, enqueue, calls, rounds=7):
    """Median microseconds a call of `enqueue(i)` for i below `calls`, replayed as one graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for i in range(min(calls, 2)):
            enqueue(i)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for i in range(calls):
            enqueue(i)
    results = []
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    for i in range(rounds + 1):
        first.record()
        graph.replay()
        last.record()
        last.synchronize()
        if i > 0:
            results.append(first.elapsed_time(last) * 1e3 / calls)
    return statistics.median(results)


def int4_weight(torch, n, k, group):
    """Random levels and scales as _weight_int4pack_mm takes them; values near those of a real matrix."""
    packed = torch.randint(-(2**31), 2**31 - 1, (n // 8, k // (INNER_K_TILES * 16), 32, INNER_K_TILES // 2), dtype=torch.int32, device="cuda")
    scales = torch.rand(k // group, n, 2, dtype=torch.float32, device="cuda").mul_(0.01).to(torch.bfloat16)
    return packed, scales


def int4_bytes(n, k, group):
    return n * k // 2 + 4 * n * (k // group)


def linear_of(torch, kind):
    """(bytes of a weight, makes a weight, makes x, product) of a kind."""
    if kind == "fp16 linear":
        return (
            lambda n, k: 2 * n * k,
            lambda n, k: torch.randn(n, k, dtype=torch.float16, device="cuda") * 0.02,
            lambda m, k: torch.randn(m, k, dtype=torch.float16, device="cuda"),
            lambda x, w: torch.nn.functional.linear(x, w),
        )
    group = int(kind.split("g")[-1])
    return (
        lambda n, k: int4_bytes(n, k, group),
        lambda n, k: int4_weight(torch, n, k, group),
        lambda m, k: torch.randn(m, k, dtype=torch.float32, device="cuda").to(torch.bfloat16),
        lambda x, w: torch.ops.aten._weight_int4pack_mm(x, w[0], group, w[1]),
    )


KINDS = ("int4 g32", "int4 g128", "fp16 linear")


def linears(torch, report, kinds, rows):
    for kind in kinds:
        size, make, activations, product = linear_of(torch, kind)
        for name, (n, k) in SHAPES.items():
            weights = []

            def measure(m):
                copies = 1 + int(ROTATION // size(n, k)) if m < 128 else 2
                while len(weights) < copies:
                    weights.append(make(n, k))
                x = activations(m, k)
                calls = max(copies, 16) if m < 512 else copies
                us = time_graph(torch, lambda i: product(x, weights[i % copies]), calls)
                return {"us": us, "GBps": size(n, k) / us / 1e3, "TFLOPs": 2 * m * n * k / us / 1e6}

            for m in rows:
                report.attempt({"name": kind, "shape": name, "n": n, "k": k, "m": m}, lambda: measure(m))
            weights.clear()
            torch.cuda.empty_cache()


def all_linears(torch, report, m=1):
    """The linears of a whole step in one graph, every layer with its own weights: what is left for a step at best."""
    for kind in KINDS:
        size, make, activations, product = linear_of(torch, kind)

        def measure():
            names = [*LAYER * LAYERS, "head"]
            weights = [make(*SHAPES[name]) for name in names]
            xs = {k: activations(m, k) for k in {shape[1] for shape in SHAPES.values()}}

            def step(_):
                for name, weight in zip(names, weights):
                    product(xs[SHAPES[name][1]], weight)

            us = time_graph(torch, step, 1)
            moved = sum(size(*SHAPES[name]) for name in names)
            return {"us": us, "GBps": moved / us / 1e3, "steps_per_second": 1e6 / us}

        report.attempt({"name": f"{kind}, the {len(LAYER) * LAYERS + 1} linears of a step", "m": m}, measure)
        torch.cuda.empty_cache()


def attention(torch, report):
    def tensor(*shape):
        return torch.randn(*shape, dtype=torch.float16, device="cuda")

    attend = torch.nn.functional.scaled_dot_product_attention
    for depth in (200, 2048, 4096):

        def decode():
            size = 2 * 2 * HEADS * depth * HEAD_DIM
            copies = 1 + int(ROTATION // size)
            caches = [(tensor(1, HEADS, depth, HEAD_DIM), tensor(1, HEADS, depth, HEAD_DIM)) for _ in range(copies)]
            q = tensor(1, HEADS, 1, HEAD_DIM)
            us = time_graph(torch, lambda i: attend(q, *caches[i % copies]), max(copies, 16))
            return {"us": us, "GBps": size / us / 1e3}

        report.attempt({"name": "attention fp16, decode", "depth": depth}, decode)
        torch.cuda.empty_cache()
    for length in (512, 2048):

        def prefill():
            q, k, v = (tensor(1, HEADS, length, HEAD_DIM) for _ in range(3))
            us = time_graph(torch, lambda i: attend(q, k, v, is_causal=True), 8)
            return {"us": us, "TFLOPs": 2 * HEADS * HEAD_DIM * length * length / us / 1e6}

        report.attempt({"name": "attention fp16, causal prefill", "length": length}, prefill)


def ceilings(torch, report):
    def copy():
        a = torch.empty(1 << 30, dtype=torch.uint8, device="cuda").random_()
        b = torch.empty_like(a)
        us = time_graph(torch, lambda i: b.copy_(a), 2)
        return {"us": us, "GBps": 2 * a.numel() / us / 1e3}

    def product():
        a, b = (torch.randn(8192, 8192, dtype=torch.float16, device="cuda") for _ in range(2))
        us = time_graph(torch, lambda i: a @ b, 4)
        return {"us": us, "TFLOPs": 2 * 8192**3 / us / 1e6}

    report.attempt({"name": "copy, read + write"}, copy)
    report.attempt({"name": "fp16 product 8192 x 8192 x 8192"}, product)
    torch.cuda.empty_cache()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="torch.json")
    parser.add_argument("--seconds", type=float, default=55)
    options = parser.parse_args()
    report = Report(options.out, options.seconds)
    import torch

    report.result["device"] = torch.cuda.get_device_name()
    report.result["torch"] = torch.__version__
    torch.manual_seed(int(time.time()))
    with torch.inference_mode():
        ceilings(torch, report)
        linears(torch, report, KINDS, [m for m in ROWS if m <= 16])  # what decides comes first
        attention(torch, report)
        all_linears(torch, report)
        linears(torch, report, ("fp16 linear", "int4 g32"), [m for m in ROWS if m > 16])
    return 0


if __name__ == "__main__":
    sys.exit(main())
