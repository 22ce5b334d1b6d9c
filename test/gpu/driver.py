"""The CUDA driver by ctypes: what constants.py needs of it. LOPHI_CUDA_DRIVER names another library than libcuda.so.1."""

import ctypes
import os
import statistics
import time
from ctypes import POINTER, Structure, Union, byref, c_char, c_float, c_int, c_size_t, c_uint, c_uint64, c_void_p, sizeof

library = ctypes.CDLL(os.environ.get("LOPHI_CUDA_DRIVER") or "libcuda.so.1")

# cuDeviceGetAttribute
ATTRIBUTES = {
    "sms": 16,
    "clock_khz": 13,
    "memory_clock_khz": 36,
    "bus_bits": 37,
    "l2_bytes": 38,
    "major": 75,
    "minor": 76,
    "shared_bytes_per_sm": 81,
    "shared_bytes_per_block": 97,
}
SPIN, BLOCKING = 1, 4  # CU_CTX_SCHED_SPIN, CU_CTX_SCHED_BLOCKING_SYNC
BLOCKING_EVENT = 1
MAX_DYNAMIC_SHARED = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES


class DriverError(Exception):
    pass


def call(name, *arguments):
    result = getattr(library, name)(*arguments)
    if result != 0:
        text = ctypes.c_char_p()
        library.cuGetErrorName(result, byref(text))
        raise DriverError(f"{name}: {text.value.decode() if text.value else 'error'} ({result})")


class Value(Union):
    _fields_ = [("number", c_int), ("pad", c_char * 64), ("align", c_uint64)]


class Attribute(Structure):
    _fields_ = [("id", c_int), ("pad", c_char * 4), ("value", Value)]


class Config(Structure):
    _fields_ = [
        *[(name, c_uint) for name in ("grid_x", "grid_y", "grid_z", "block_x", "block_y", "block_z", "shared")],
        ("stream", c_void_p),
        ("attributes", POINTER(Attribute)),
        ("count", c_uint),
    ]


assert sizeof(Attribute) == 72 and sizeof(Config) == 56

# CUlaunchAttributeID
COOPERATIVE, PROGRAMMATIC = 2, 6


class Launch:
    """A launch with everything prepared, so that the loop of a measurement does little in Python. Keeps its arguments alive."""

    def __init__(self, function, grid, block, *arguments, shared=0, attribute=None):
        self.function, self.arguments = function, arguments
        pointers = [ctypes.cast(ctypes.pointer(argument), c_void_p) for argument in arguments]
        self.parameters = (c_void_p * len(pointers))(*pointers)
        self.attribute = Attribute(id=attribute or 0)
        self.attribute.value.number = 1
        self.config = Config(grid, 1, 1, block, 1, 1, shared, None, ctypes.pointer(self.attribute), 1 if attribute else 0)

    def __call__(self, stream):
        self.config.stream = stream
        call("cuLaunchKernelEx", byref(self.config), self.function, self.parameters, None)


class Graph:
    """What `record` enqueues, as one launch."""

    def __init__(self, stream, record):
        graph, self.handle = c_void_p(), c_void_p()
        call("cuStreamBeginCapture_v2", stream, 1)
        try:
            record()
        finally:
            call("cuStreamEndCapture", stream, byref(graph))
        call("cuGraphInstantiateWithFlags", byref(self.handle), graph, c_uint64(0))
        call("cuGraphDestroy", graph)

    def __call__(self, stream):
        call("cuGraphLaunch", self.handle, stream)


class Gpu:
    def __init__(self, folder, schedule=SPIN):
        call("cuInit", 0)
        device, self.context, self.module, self.stream = c_int(), c_void_p(), c_void_p(), c_void_p()
        call("cuDeviceGet", byref(device), 0)
        self.device = device
        call("cuDevicePrimaryCtxSetFlags_v2", device, schedule)
        call("cuDevicePrimaryCtxRetain", byref(self.context), device)
        call("cuCtxSetCurrent", self.context)
        call("cuStreamCreate", byref(self.stream), 1)
        self.sms = self.attribute("sms")
        with open(self.image(folder), "rb") as file:
            call("cuModuleLoadData", byref(self.module), file.read())
        self.events = [self.event() for _ in range(2)]

    def attribute(self, name):
        value = c_int()
        call("cuDeviceGetAttribute", byref(value), ATTRIBUTES[name], self.device)
        return value.value

    def image(self, folder):
        """The cubin of this capability, or of the newest earlier minor of the same major."""
        major, minor = self.attribute("major"), self.attribute("minor")
        paths = [f"{folder}/constants.sm_{major}{each}.cubin" for each in range(minor, -1, -1)]
        found = [path for path in paths if os.path.exists(path)]
        if not found:
            raise DriverError(f"no image for capability {major}.{minor}")
        return found[0]

    def name(self):
        text = ctypes.create_string_buffer(256)
        call("cuDeviceGetName", text, 256, self.device)
        return text.value.decode()

    def memory(self):
        total = c_size_t()
        call("cuDeviceTotalMem_v2", byref(total), self.device)
        return total.value

    def driver_version(self):
        version = c_int()
        call("cuDriverGetVersion", byref(version))
        return version.value

    def function(self, name, shared=0):
        function = c_void_p()
        call("cuModuleGetFunction", byref(function), self.module, name.encode())
        if shared:
            call("cuFuncSetAttribute", function, MAX_DYNAMIC_SHARED, shared)
        return function

    def alloc(self, size):
        pointer = c_uint64()
        call("cuMemAlloc_v2", byref(pointer), c_size_t(size))
        return pointer

    def random(self, size):
        """Memory with random bits, as zeros would be faster than data."""
        pointer = self.alloc(size)
        Launch(self.function("fill"), self.sms * 8, 256, pointer, c_uint64(size // 4), c_uint64(size))(self.stream)
        return pointer

    def zeros(self, size):
        pointer = self.alloc(size)
        call("cuMemsetD32Async", pointer, 0, c_size_t(size // 4), self.stream)
        return pointer

    def host(self, size):
        pointer = c_void_p()
        call("cuMemHostAlloc", byref(pointer), c_size_t(size), 0)
        ctypes.memset(pointer, 0x5A, size)
        return pointer

    def read(self, pointer, ctype, count):
        values = (ctype * count)()
        call("cuMemcpyDtoHAsync_v2", values, pointer, c_size_t(sizeof(values)), self.stream)
        self.sync()
        return list(values)

    def event(self, flags=0):
        event = c_void_p()
        call("cuEventCreate", byref(event), flags)
        return event

    def sync(self):
        call("cuStreamSynchronize", self.stream)

    def time(self, enqueue, rounds=5, ahead=300e-6):
        """Median microseconds on the GPU of what `enqueue` puts on the stream. A kernel that spins in front of it hides how
        long the host takes to do so."""
        spin = Launch(self.function("spin"), 1, 32, c_uint64(int(ahead * 1e9)))
        first, last = self.events
        results = []
        for i in range(rounds + 1):
            spin(self.stream)
            call("cuEventRecord", first, self.stream)
            enqueue()
            call("cuEventRecord", last, self.stream)
            call("cuEventSynchronize", last)
            elapsed = c_float()
            call("cuEventElapsedTime", byref(elapsed), first, last)
            if i > 0:
                results.append(elapsed.value * 1e3)
        return statistics.median(results)

    def wait_for(self, enqueue, rounds=200):
        """Median microseconds of the host for `enqueue`, which waits itself."""
        results = []
        for _ in range(rounds):
            start = time.perf_counter_ns()
            enqueue()
            results.append((time.perf_counter_ns() - start) / 1e3)
        return statistics.median(results)
