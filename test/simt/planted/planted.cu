// Kernels for tests of the emulator: one that is right, and faults that it must find.
#include "cuda/common.cuh"

// y[i] = x[63 - i], each but the first handed on by the thread before: in forward order that hides a missing barrier.
template <bool barrier>
DEVICE void reverse(const int* x, int* y) {
  SHARED(int, held, 64);
  const int i = static_cast<int>(threadIdx.x);
  if (i < 63) held[i] = x[62 - i];
  if (barrier) __syncthreads();
  y[i] = i > 0 ? held[i - 1] : x[63];
}

KERNEL(reverse_64)(const int* x, int* y) { reverse<true>(x, y); }
KERNEL(missing_barrier)(const int* x, int* y) { reverse<false>(x, y); }

KERNEL(divergent_barrier)(const int* x, int* y) {
  if (threadIdx.x < 48) __syncthreads();
  y[threadIdx.x] = x[63 - threadIdx.x];
}

KERNEL(divergent_shuffle)(const int* x, int* y) {
  int value = x[threadIdx.x];
  if (threadIdx.x % 2) value = __shfl_xor_sync(kAllLanes, value, 1);
  y[threadIdx.x] = value;
}

// One element behind the 64 of y; only AddressSanitizer sees it.
KERNEL(behind_the_end)(const int* x, int* y) {
  y[threadIdx.x + 1] = x[62 - threadIdx.x % 63];
  if (threadIdx.x == 0) y[0] = x[63];
}

KERNEL(misaligned_load)(const int* x, int* y) { y[threadIdx.x] = static_cast<int>(load128(x + 1).x); }

// Every warp primitive, with the result that the same indices give: y = x reversed.
KERNEL(warp_primitives)(const int* x, int* y) {
  const int lane = lane_id(), other_warp = 1 - warp_id();
  const int value = x[other_warp * 32 + lane];
  const int mirrored = __shfl_sync(kAllLanes, value, 31 - lane);
  const int by_xor = __shfl_xor_sync(kAllLanes, value, 31);
  const unsigned odd = __ballot_sync(kAllLanes, lane % 2);
  __syncwarp();
  const int down = __shfl_down_sync(kAllLanes, lane, 1);
  const bool right = by_xor == mirrored && odd == 0xaaaaaaaa && down == (lane < 31 ? lane + 1 : lane);
  y[threadIdx.x] = right ? mirrored : -1;
}

// As reverse_64, through memory that the launch asked for, which starts as 0xCD like all shared memory.
KERNEL(dynamic_memory)(const int* x, int* y) {
  DYNAMIC_SHARED(int, held);
  const int i = static_cast<int>(threadIdx.x);
  const bool poisoned = held[i] == static_cast<int>(0xcdcdcdcd);
  __syncthreads();
  held[63 - i] = x[i];
  __syncthreads();
  y[i] = poisoned ? held[i] : -1;
}

// Small numbers that tell rows and columns apart.
DEVICE int small(int row, int column) { return (row * 7 + column * 3) % 11 - 4; }
DEVICE unsigned bits16(bool bfloat, int value) {
  const float number = static_cast<float>(value);
  return bfloat ? float_to_bits(number) >> 16 : float_to_half(number);
}

// y = x reversed where c + a · b, with a and b laid into registers as port.h says, is what loops make of it.
template <int kind>
DEVICE void product(const int* x, int* y) {
  constexpr int kDepth = kind == 2 ? 32 : 16;
  constexpr bool kInt8 = kind >= 2;
  const int g = lane_id() / 4, t = lane_id() % 4;
  const int each = kInt8 ? 4 : 2, width = 32 / each, half = kInt8 ? 16 : 8;
  const auto element = [&](int value) {
    return kInt8 ? static_cast<unsigned>(value & 0xff) : bits16(kind == 1, value);
  };
  unsigned a[4] = {}, b[2] = {};
  for (int r = 0; r < 4; ++r)
    for (int i = 0; i < each; ++i) {
      const int column = each * t + r / 2 * half + i;
      a[r] |= element(small(g + r % 2 * 8, column) + (kInt8 ? 204 : 0)) << i * width;
      if (r < 2) b[r] |= element(small(each * t + r * half + i, g + 16)) << i * width;
    }
  bool right = true;
  for (int times = 1; times <= 2; ++times) {
    float c[4];
    int d[4];
    for (int i = 0; i < 4; ++i) c[i] = static_cast<float>(d[i] = 100 * times);
    if constexpr (kind == 0) mma16816(c, a, b);
    if constexpr (kind == 1) mma16816_bf16(c, a, b);
    if constexpr (kind == 2) mma16832(d, a, b);
    if constexpr (kind == 3) {
      const unsigned both[2] = {a[0], a[1]};
      mma16816_int8(d, both, b[0]);
    }
    for (int i = 0; i < 4; ++i) {
      int sum = 100 * times;
      for (int k = 0; k < kDepth; ++k)
        sum += (small(g + i / 2 * 8, k) + (kInt8 ? 204 : 0)) * small(k, 2 * t + i % 2 + 16);
      right = right && (kInt8 ? d[i] == sum : c[i] == static_cast<float>(sum));
    }
  }
  y[threadIdx.x] = right ? x[63 - threadIdx.x] : -1;
}

KERNEL(product_half)(const int* x, int* y) { product<0>(x, y); }
KERNEL(product_bfloat)(const int* x, int* y) { product<1>(x, y); }
KERNEL(product_int8)(const int* x, int* y) { product<2>(x, y); }
KERNEL(product_int8_16)(const int* x, int* y) { product<3>(x, y); }

KERNEL(bits)(const int* x, int* y) {
  const auto a = static_cast<unsigned>(x[threadIdx.x]) * 0x9e3779b9u, b = ~a * 5, c = a * b;
  const bool logic = lop3<0xea>(a, b, c) == ((a & b) | c) && lop3<0x96>(a, b, c) == (a ^ b ^ c);
  const bool bytes = prmt(0x33221100, 0x77665584, 0xf604) == 0x00660084 && prmt(0x80, 0, 0x8080) == 0xff80ff80;
  const bool sums = dp4a(0x80ff7f01, 0x0203fe04, 5) == 4 - 254 - 3 - 256 + 5;
  y[threadIdx.x] = logic && bytes && sums ? x[63 - threadIdx.x] : -1;
}

// y = x reversed, copied to shared memory in two groups, the second of them zeros where the first is wanted.
template <int under_way>
DEVICE void copies(const int* x, int* y) {
  SHARED(uint4, held, 32);
  const int i = static_cast<int>(threadIdx.x);
  if (i < 16) cp_async16(held + i, x + 4 * i);
  cp_async_commit();
  if (i < 16) cp_async16(held + 16 + i, x, false);
  cp_async_commit();
  cp_async_wait<under_way>();
  __syncthreads();
  const int* words = reinterpret_cast<const int*>(held);
  const bool early = under_way == 0 || words[64 + i] == static_cast<int>(0xcdcdcdcd);
  y[i] = early ? words[63 - i] + (under_way ? 0 : words[64 + i]) : -1;
}
KERNEL(copied)(const int* x, int* y) { copies<0>(x, y); }
KERNEL(half_copied)(const int* x, int* y) { copies<1>(x, y); }
KERNEL(missing_wait)(const int* x, int* y) { copies<2>(x, y); }
