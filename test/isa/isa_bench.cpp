// GB/s and GFLOP/s of the matrix products, per instruction set, beside what the machine can do.
// Weights take turns in a buffer of 256 MB on small pages, as in a mapped file. Figures are the best of several passes, and
// times those of the slower thread on its processor, so that other processes disturb them little.
#include <time.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>

#include "matrix.h"

using namespace lophi;
using namespace lophi::cpu;

namespace harness {
namespace {

constexpr size_t kBufferBytes = size_t{256} << 20;
constexpr int kMaxThreads = 2;

// Best time of `passes` runs of work(thread) on all threads at once.
double best_time(int threads, int passes, const std::function<void(int)>& work) {
  double best = 1e30;
  for (int pass = 0; pass < passes; ++pass) {
    std::atomic<int> ready{0};
    std::vector<double> times(static_cast<size_t>(threads));
    const auto body = [&](int t) {
      ready.fetch_add(1);
      while (ready.load() < threads) {
      }
      const double begin = thread_seconds();
      work(t);
      times[static_cast<size_t>(t)] = thread_seconds() - begin;
    };
    std::vector<std::thread> others;
    for (int t = 1; t < threads; ++t) others.emplace_back(body, t);
    body(0);
    for (std::thread& other : others) other.join();
    const double slowest = *std::max_element(times.begin(), times.end());
    best = slowest < best ? slowest : best;
  }
  return best;
}

// Copies of one matrix fill the whole buffer.
void fill_buffer(std::byte* buffer, const Matrix& matrix, int64_t n, int64_t k) {
  fill(buffer, matrix, n, k);
  const size_t size = matrix.bytes(n, k);
  for (size_t at = size; at + size <= kBufferBytes; at += size) std::memcpy(buffer + at, buffer, size);
}

uint64_t sink = 0;

double read_bandwidth(const std::byte* buffer, int threads) {
  const size_t share = kBufferBytes / static_cast<size_t>(threads);
  const double time = best_time(threads, 8, [&](int t) {
    const std::byte* p = buffer + static_cast<size_t>(t) * share;
#if defined(__x86_64__)
    for (const std::byte* end = p + share; p < end; p += 256) {
      __asm__ volatile("movups (%0),%%xmm0\n movups 64(%0),%%xmm1\n movups 128(%0),%%xmm2\n movups 192(%0),%%xmm3"
                       :
                       : "r"(p)
                       : "xmm0", "xmm1", "xmm2", "xmm3");
    }
#else
    uint64_t sum = 0;
    for (size_t i = 0; i < share; i += 64) sum += static_cast<uint64_t>(p[i]);
    sink += sum;
#endif
  });
  return static_cast<double>(kBufferBytes) / time / 1e9;
}

#if defined(__x86_64__)
// Twelve independent chains of one instruction: billions of operations per second.
#define CHAIN(op, r) op " %%" r "mm0,%%" r "mm1,%%" r "mm"
#define CHAINS(op, r)                                                                                               \
  __asm__ volatile(                                                                                                 \
      CHAIN(op, r) "2\n" CHAIN(op, r) "3\n" CHAIN(op, r) "4\n" CHAIN(op, r) "5\n" CHAIN(op, r) "6\n" CHAIN(         \
          op,                                                                                                       \
          r) "7\n" CHAIN(op,                                                                                        \
                         r) "8\n" CHAIN(op,                                                                         \
                                        r) "9\n" CHAIN(op,                                                          \
                                                       r) "10\n" CHAIN(op,                                          \
                                                                       r) "11\n" CHAIN(op,                          \
                                                                                       r) "12\n" CHAIN(op,          \
                                                                                                       r) "13\n" :: \
          : "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13")
#define PEAK(op, r)                                                                                                 \
  best_time(threads, 12, [](int) {                                                                                  \
    __asm__ volatile("vzeroall" ::                                                                                  \
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
                           "xmm11", "xmm12", "xmm13");                                                              \
    for (int i = 0; i < kTurns; ++i) CHAINS(op, r);                                                                 \
    __asm__ volatile("vzeroupper" ::: "xmm0");                                                                      \
  })

struct Peaks {
  double floats = 0, int8 = 0;
};
Peaks peaks_of(const std::string& isa, int threads) {
  constexpr int kTurns = 1000000;
  const double instructions = 12.0 * kTurns * threads / 1e9;
  if (isa == "avx2") return {instructions * 16 / PEAK("vfmadd231ps", "y"), 0};
  if (isa == "avx512") return {instructions * 32 / PEAK("vfmadd231ps", "z"), 0};
  if (isa == "avx512vnni")
    return {instructions * 32 / PEAK("vfmadd231ps", "z"), instructions * 128 / PEAK("vpdpbusd", "z")};
  return {};
}
#else
struct Peaks {
  double floats = 0, int8 = 0;
};
Peaks peaks_of(const std::string&, int) { return {}; }
#endif

struct Shape {
  int64_t m, n, k;
};

// Seconds per matrix and its bytes; the threads take halves of n.
double time_matmul(const Isa& isa, std::byte* buffer, const Matrix& matrix, bool int8, Shape s, int threads) {
  const auto [m, n, k] = s;
  const auto copies = static_cast<int64_t>(kBufferBytes / matrix.bytes(n, k));
  const int64_t turns = m == 1 ? copies : 1;
  std::vector<float> x(static_cast<size_t>(m * k), 0.5f), y(static_cast<size_t>(m * n));
  std::vector<int8_t> values(static_cast<size_t>(m * k));
  std::vector<float> scales(static_cast<size_t>(m * k / 32));
  std::vector<int32_t> sums(static_cast<size_t>(m * k / 16));
  for (int64_t i = 0; i < m; ++i) {
    isa.quantize_int8(x.data() + i * k, k, values.data() + i * k, scales.data() + i * k / 32, sums.data() + i * k / 16);
  }
  const int64_t share = n / threads;
  std::atomic<int64_t> next{0};
  const double time = best_time(threads, m == 1 ? 8 : 5, [&](int t) {
    for (int64_t c = 0; c < turns; ++c) {
      const int64_t copy = turns == 1 ? next.load() % copies : c;
      const WeightRows w =
          matrix.rows(buffer + static_cast<size_t>(copy) * matrix.bytes(n, k), n, k, t * share);
      float* to = y.data() + t * share;
      if (int8) {
        isa.matmul_int8(w, {values.data(), scales.data(), sums.data()}, to, n, m, share, k);
      } else {
        isa.matmul(w, x.data(), k, to, n, m, share, k);
      }
    }
    if (t == 0) next.fetch_add(1);
  });
  return time / static_cast<double>(turns);
}

}  // namespace

double thread_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

void bench(const char* only, const char* weights) {
  void* map = mmap(nullptr, kBufferBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) {
    std::perror("mmap");
    std::exit(2);
  }
#if defined(MADV_NOHUGEPAGE)
  madvise(map, kBufferBytes, MADV_NOHUGEPAGE);
#endif
  auto* buffer = static_cast<std::byte*>(map);
  std::memset(buffer, 1, kBufferBytes);
  for (int threads = 1; threads <= kMaxThreads; ++threads) {
    std::printf("read, %d threads: %.1f GB/s\n", threads, read_bandwidth(buffer, threads));
  }
  const std::vector<Matrix> matrices = all_matrices();
  for (const Isa* isa : available_isas()) {
    if (only != nullptr && std::string(only) != isa->name) continue;
    for (int threads = 1; threads <= kMaxThreads; ++threads) {
      const Peaks peaks = peaks_of(isa->name, threads);
      std::printf("%s, %d threads: peak %.0f GFLOP/s, %.0f int8 GOP/s\n", isa->name, threads, peaks.floats, peaks.int8);
    }
    std::printf("%-10s %-12s %5s %5s %5s | %-23s | %-23s\n", "isa", "weights", "m", "n", "k", "1 thread: GB/s, GOP/s",
                "2 threads: GB/s, GOP/s");
    for (const Matrix& matrix : matrices) {
      for (const Shape& s : {Shape{1, 8192, 3072}, Shape{1, 3072, 8192}, Shape{128, 8192, 3072}}) {
        if (s.m > 1 && std::string(isa->name) == "scalar") continue;  // seconds each
        if (weights != nullptr && matrix.name().find(weights) == std::string::npos) continue;
        fill_buffer(buffer, matrix, s.n, s.k);
        for (const bool int8 : {false, true}) {
          const WeightRows rows = matrix.rows(buffer, s.n, s.k, 0);
          if (int8 && !takes_int8(rows, s.k)) continue;
          std::printf("%-10s %-12s %5d %5d %5d", isa->name, (matrix.name() + (int8 ? "*i8" : "")).c_str(),
                      static_cast<int>(s.m), static_cast<int>(s.n), static_cast<int>(s.k));
          for (int threads = 1; threads <= kMaxThreads; ++threads) {
            const double time = time_matmul(*isa, buffer, matrix, int8, s, threads);
            const auto bytes = static_cast<double>(matrix.bytes(s.n, s.k));
            std::printf(" | %8.1f  %8.1f     ", bytes / time / 1e9, 2e-9 * static_cast<double>(s.m * s.n * s.k) / time);
          }
          std::printf("\n");
          std::fflush(stdout);
        }
      }
    }
  }
  if (sink == 1) std::printf(" ");
  munmap(map, kBufferBytes);
}

}  // namespace harness
