// What the plan of kernels rests on: read-only bandwidth, what a boundary between kernels costs, how exact biased tensor-core
// products are. Driven by constants.py; compiled ahead of time, so it includes nothing.
using u64 = unsigned long long;

// Without launch bounds ptxas keeps to 32 registers, and two loads of 16 bytes in flight where eight were written.
#define DEVICE __device__ __forceinline__
#define KERNEL extern "C" __global__ void
#define READER KERNEL __launch_bounds__(512, 1)

namespace {

DEVICE unsigned hash(u64 x) {
  x ^= x >> 33, x *= 0xff51afd7ed558ccdull, x ^= x >> 33, x *= 0xc4ceb9fe1a85ec53ull, x ^= x >> 33;
  return static_cast<unsigned>(x);
}

DEVICE u64 nanoseconds() {
  u64 now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  return now;
}

DEVICE uint4 ldg_stream(const uint4* at) {
  uint4 v;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(at));
  return v;
}

DEVICE void grid_dependents() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}
DEVICE void grid_wait() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

DEVICE unsigned load_word(const unsigned* at) {
  unsigned word;
  asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(word) : "l"(at) : "memory");
  return word;
}

DEVICE void fold(uint4& sum, const uint4& v) { sum.x ^= v.x, sum.y ^= v.y, sum.z ^= v.z, sum.w ^= v.w; }
DEVICE unsigned fold(const uint4& sum) { return sum.x ^ sum.y ^ sum.z ^ sum.w; }

// Keeps the loads alive: random data meets the value once in 2^32.
DEVICE void keep(unsigned value, unsigned* out) {
  if (value == 0x9e3779b9u) *out = value;
}

// 0 where `inside` is false.
DEVICE uint4 ldg_stream(const uint4* at, bool inside) {
  uint4 v{};
  asm volatile(
      "{ .reg .pred p; setp.ne.u32 p, %5, 0; @p ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4]; }"
      : "+r"(v.x), "+r"(v.y), "+r"(v.z), "+r"(v.w)
      : "l"(at), "r"(static_cast<unsigned>(inside)));
  return v;
}

// U loads a thread, blockDim.x vectors apart; zeros from `end` on.
template <int U, class Index>
DEVICE void load_tile(uint4 (&v)[U], const uint4* data, Index base, Index end) {
#pragma unroll
  for (int u = 0; u < U; u++) v[u] = ldg_stream(data + base + u * blockDim.x, base + u * blockDim.x < end);
}

// Vectors first .. end - 1 in tiles of U loads a thread, `stride` apart; U loads of 16 bytes are in flight per thread.
template <int U, class Index>
DEVICE unsigned read_tiles(const uint4* data, Index first, Index end, Index stride) {
  uint4 sum{};
#pragma unroll 1
  for (Index base = first + threadIdx.x; base < end; base += stride) {
    uint4 v[U];
load_tile(v, data, base, end);
#pragma unroll
    for (int u = 0; u < U; u++) fold(sum, v[u]);
  }
  return fold(sum);
}

// As often as asked over data that L2 holds.
template <int U>
DEVICE unsigned read_repeatedly(const uint4* data, unsigned vectors, unsigned repeats) {
  unsigned word = 0;
  for (unsigned i = 0; i < repeats; i++)
    word ^= read_tiles<U>(data, blockIdx.x * blockDim.x * U, vectors, gridDim.x * blockDim.x * U);
  return word;
}

// All blocks walk over the data side by side.
template <int U>
DEVICE unsigned read_striped(const uint4* data, u64 vectors) {
  const u64 tile = static_cast<u64>(blockDim.x) * U;
  return read_tiles<U>(data, blockIdx.x * tile, vectors, gridDim.x * tile);
}
// Every block has `share` vectors of its own; the last one has what is left.
template <int U>
DEVICE unsigned read_share(const uint4* data, unsigned vectors, unsigned share) {
  const unsigned first = blockIdx.x * share, end = min(first + share, vectors);
  return read_tiles<U>(data, first, end, blockDim.x * U);
}

}  // namespace

KERNEL fill(unsigned* data, u64 words, u64 seed) {
  for (u64 i = blockIdx.x * static_cast<u64>(blockDim.x) + threadIdx.x; i < words; i += gridDim.x * static_cast<u64>(blockDim.x))
    data[i] = hash(i * 0x9e3779b97f4a7c15ull + seed);
}

// Occupies the GPU while the host fills the queue behind it.
KERNEL spin(u64 duration) {
  const u64 start = nanoseconds();
  while (nanoseconds() - start < duration) {
  }
}

// {nanoseconds, cycles} of one busy block: the clock of the SMs.
KERNEL clock_rate(u64* out, u64 duration) {
  const u64 start = nanoseconds();
  const long long first = clock64();
  while (nanoseconds() - start < duration) {
  }
  out[0] = nanoseconds() - start;
  out[1] = static_cast<u64>(clock64() - first);
}

KERNEL copy(const uint4* from, u64 vectors, uint4* to) {
  const u64 step = static_cast<u64>(gridDim.x) * blockDim.x * 4;
  for (u64 base = blockIdx.x * static_cast<u64>(blockDim.x) * 4 + threadIdx.x; base < vectors; base += step) {
    uint4 v[4];
#pragma unroll
    for (int u = 0; u < 4; u++)
      if (base + u * blockDim.x < vectors) v[u] = ldg_stream(from + base + u * blockDim.x);
#pragma unroll
    for (int u = 0; u < 4; u++)
      if (base + u * blockDim.x < vectors) to[base + u * blockDim.x] = v[u];
  }
}

READER read_1(const uint4* data, u64 vectors, unsigned* out) {
  keep(read_striped<1>(data, vectors), out);
}
READER read_2(const uint4* data, u64 vectors, unsigned* out) {
  keep(read_striped<2>(data, vectors), out);
}
READER read_4(const uint4* data, u64 vectors, unsigned* out) {
  keep(read_striped<4>(data, vectors), out);
}
READER read_8(const uint4* data, u64 vectors, unsigned* out) {
  keep(read_striped<8>(data, vectors), out);
}

READER read_cached(const uint4* data, unsigned vectors, unsigned repeats, unsigned* out) {
  keep(read_repeatedly<4>(data, vectors, repeats), out);
}

#if __CUDA_ARCH__ >= 900
namespace {

DEVICE unsigned shared_address(const void* at) { return static_cast<unsigned>(__cvta_generic_to_shared(at)); }

DEVICE void fetch(unsigned stage, const void* from, unsigned bytes, unsigned barrier) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(stage),
               "l"(from), "r"(bytes), "r"(barrier)
               : "memory");
}

DEVICE void await(unsigned barrier, unsigned parity) {
  unsigned done = 0;
  while (!done)
    asm volatile(
        "{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
        : "=r"(done)
        : "r"(barrier), "r"(parity)
        : "memory");
}

}  // namespace

// The bulk copy engine fills a ring of `stages` times `stage_bytes` in shared memory; all threads read what has landed.
// `data` holds whole stages.
READER read_bulk(const unsigned char* data, u64 bytes, unsigned stages, unsigned stage_bytes, unsigned* out) {
  extern __shared__ __align__(128) unsigned char ring[];
  __shared__ u64 barriers[32];
  const unsigned all = static_cast<unsigned>(bytes / stage_bytes);
  const unsigned mine = blockIdx.x < all ? (all - blockIdx.x + gridDim.x - 1) / gridDim.x : 0;
  const auto source = [&](unsigned i) { return data + static_cast<u64>(blockIdx.x + i * gridDim.x) * stage_bytes; };
  const auto start = [&](unsigned i) {
    const unsigned s = i % stages;
    fetch(shared_address(ring + s * stage_bytes), source(i), stage_bytes, shared_address(barriers + s));
  };
  if (threadIdx.x == 0) {
    for (unsigned s = 0; s < stages; s++)
      asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(shared_address(barriers + s)) : "memory");
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    for (unsigned i = 0; i < stages && i < mine; i++) start(i);
  }
  __syncthreads();
  uint4 sum{};
  for (unsigned i = 0; i < mine; i++) {
    const unsigned s = i % stages;
    await(shared_address(barriers + s), i / stages & 1);
    const uint4* stage = reinterpret_cast<const uint4*>(ring + s * stage_bytes);
    for (unsigned j = threadIdx.x; j < stage_bytes / 16; j += blockDim.x) fold(sum, stage[j]);
    __syncthreads();
    if (threadIdx.x == 0 && i + stages < mine) start(i + stages);
  }
  keep(fold(sum), out);
}
#endif

// A decode kernel as the scheduler sees it: weights that depend on nothing, an input that the kernel before wrote, an output.
// x and y have one word per thread of the grid.
READER step(const uint4* weights, unsigned vectors, unsigned share, const unsigned* x, unsigned* y) {
  grid_dependents();
  const unsigned sum = read_share<8>(weights, vectors, share);
  grid_wait();
  const unsigned at = blockIdx.x * blockDim.x + threadIdx.x;
  y[at] = sum ^ load_word(x + at);
}
// The same, but the next kernel may start only when this one is about to write.
READER step_late(const uint4* weights, unsigned vectors, unsigned share, const unsigned* x, unsigned* y) {
  const unsigned sum = read_share<8>(weights, vectors, share);
  grid_wait();
  grid_dependents();
  const unsigned at = blockIdx.x * blockDim.x + threadIdx.x;
  y[at] = sum ^ load_word(x + at);
}

// The same with a norm in front, as a product that begins with one: every block reads all of x, 4 * `width` bytes that the kernel
// before wrote, and sums squares, while its first weights are under way. Two blocks fit an SM, so that the next one can begin.
KERNEL __launch_bounds__(512, 2) step_norm(const uint4* weights, unsigned vectors, unsigned share, const float* x, unsigned width, float* y) {
  __shared__ float partial[16];
  const unsigned first = blockIdx.x * share, end = min(first + share, vectors), tile = blockDim.x * 8;
  uint4 v[8];
#pragma unroll
  for (int u = 0; u < 8; u++) {
    const unsigned at = first + threadIdx.x + u * blockDim.x;
    v[u] = ldg_stream(weights + (at < end ? at : 0));
  }
  // stands between: alone, ptxas moves the wait in front of loads of the same basic block that nothing has used yet
  grid_dependents();
  grid_wait();
  float squares = 0;
  for (unsigned i = threadIdx.x; i < width; i += blockDim.x) {
    const float value = __uint_as_float(load_word(reinterpret_cast<const unsigned*>(x + i)));
    squares += value * value;
  }
  for (int distance = 16; distance > 0; distance /= 2) squares += __shfl_xor_sync(~0u, squares, distance);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = squares;
  __syncthreads();
  squares = 0;
  for (unsigned i = 0; i < blockDim.x / 32; i++) squares += partial[i];
  uint4 sum{};
#pragma unroll
  for (int u = 0; u < 8; u++) fold(sum, v[u]);
  const unsigned word = fold(sum) ^ read_tiles<8>(weights, first + tile, end, tile);
  const unsigned each = (width + gridDim.x - 1) / gridDim.x, at = blockIdx.x * each + threadIdx.x;
  if (threadIdx.x < each && at < width) y[at] = rsqrtf(squares) * (1 + (word & 1));
}

// The same phases in one launch with a barrier over the grid between them. Phase p reads slice p modulo `slices`.
// counter starts at 0; out[0] becomes 1 where a barrier took about a second.
READER phases(const uint4* weights, unsigned vectors, unsigned share, unsigned slices, unsigned count, unsigned* counter, unsigned* x,
              unsigned* out) {
  const unsigned at = blockIdx.x * blockDim.x + threadIdx.x, threads = gridDim.x * blockDim.x;
  const unsigned from = at + blockDim.x < threads ? at + blockDim.x : threadIdx.x;
  for (unsigned phase = 0; phase < count; phase++) {
    const unsigned sum = read_share<8>(weights + static_cast<u64>(phase % slices) * vectors, vectors, share);
    x[(phase + 1) % 2 * threads + at] = sum ^ load_word(x + phase % 2 * threads + from);
    __syncthreads();
    if (threadIdx.x == 0) {
      asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(counter) : "memory");
      const long long start = clock64();
      unsigned seen = 0;
      do asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(counter) : "memory");
      while (seen < (phase + 1) * gridDim.x && clock64() - start < 1500000000);
      if (seen < (phase + 1) * gridDim.x) out[0] = 1;
    }
    __syncthreads();
  }
}

namespace {

DEVICE float half_to_float(unsigned bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(static_cast<unsigned short>(bits)));
  return value;
}
DEVICE unsigned float_to_half(float value) {
  unsigned short bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}
DEVICE void mma16816(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// The problem of the precision test: weights of 4 bits, zero points 0..15 and float16 scales per `group` columns, activations
// of float16 like those behind a norm (bell-shaped, sigma 1). All follow from where they stand.
DEVICE int level(unsigned row, unsigned k) { return hash(row * 65536ull + k) & 15; }
DEVICE int zero_point(unsigned row, unsigned group) { return 4 + (hash(0x100000000ull + row * 65536ull + group) & 7); }
DEVICE float scale(unsigned row, unsigned group) {
  return half_to_float(float_to_half(0.01f + 1e-6f * (hash(0x200000000ull + row * 65536ull + group) % 10000)));
}
DEVICE unsigned activation(unsigned k, unsigned column) {
  float sum = -6.0f;
  for (unsigned i = 0; i < 12; i++) sum += hash(0x300000000ull + (k * 8ull + column) * 12 + i) * 0x1p-32f;
  return float_to_half(sum);
}

// Halves k and k + 1 of a row or column as a register of a fragment.
template <class F>
DEVICE unsigned pair(F value, unsigned k) {
  return value(k) | value(k + 1) << 16;
}

}  // namespace

// y[row][column] for 8 columns by tensor cores, a warp per 16 rows. Form 0: weights q - zero, float32 scale per group. Form 1:
// 1024 + q in rows g and 1024 + 16 q in rows g + 8, the bias taken off once per group. Form 2: (q - zero) * scale in float16,
// as kernels that dequantise do.
KERNEL precision(unsigned columns, unsigned group, unsigned form, float* y) {
  const unsigned lane = threadIdx.x, g = lane / 4, t = lane % 4, row = blockIdx.x * 16 + g;
  float total[4] = {};
  for (unsigned start = 0; start < columns; start += group) {
    float d[4] = {}, sums[2] = {};
    const unsigned at = start / group;
    const float s[2] = {scale(row, at), scale(row + 8, at)};
    const int z[2] = {zero_point(row, at), zero_point(row + 8, at)};
    for (unsigned k = start; k < start + group; k += 16) {
      const auto weight = [&](unsigned half, unsigned at) -> unsigned {
        const int q = level(row + 8 * half, at);
        if (form == 0) return float_to_half(static_cast<float>(q - z[half]));
        if (form == 1) return float_to_half(static_cast<float>(1024 + (half ? 16 * q : q)));
        return float_to_half(static_cast<float>(q - z[half]) * s[half]);
      };
      const auto low = [&](unsigned at) { return weight(0, at); };
      const auto high = [&](unsigned at) { return weight(1, at); };
      const auto x = [&](unsigned at) { return activation(at, g); };
      const unsigned a[4] = {pair(low, k + 2 * t), pair(high, k + 2 * t), pair(low, k + 2 * t + 8), pair(high, k + 2 * t + 8)};
      mma16816(d, a, pair(x, k + 2 * t), pair(x, k + 2 * t + 8));
    }
    if (form == 1)
      for (unsigned k = start; k < start + group; k++)
        for (unsigned c = 0; c < 2; c++) sums[c] += half_to_float(activation(k, 2 * t + c));
    for (unsigned i = 0; i < 4; i++) {
      const unsigned half = i / 2;
      if (form == 0) total[i] += s[half] * d[i];
      if (form == 1)
        total[i] += (half ? s[1] / 16 : s[0]) * (d[i] - static_cast<float>(1024 + (half ? 16 * z[1] : z[0])) * sums[i % 2]);
      if (form == 2) total[i] += d[i];
    }
  }
  for (unsigned i = 0; i < 4; i++) y[(row + i / 2 * 8) * 8 + 2 * t + i % 2] = total[i];
}

// The same in float64, a thread per element.
KERNEL precision_exact(unsigned columns, unsigned group, double* y) {
  const unsigned row = blockIdx.x * 16 + threadIdx.x / 8, column = threadIdx.x % 8;
  double total = 0;
  for (unsigned k = 0; k < columns; k++) {
    const double weight = static_cast<double>(level(row, k) - zero_point(row, k / group)) * scale(row, k / group);
    total += weight * half_to_float(activation(k, column));
  }
  y[row * 8 + column] = total;
}
