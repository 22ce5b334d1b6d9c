// One value of every line along an axis.
#include "cpu/elements.h"
#include "cpu/ops/table.h"

namespace lophi::cpu {
namespace {

// A line in the type that arithmetic happens in.
template <class T>
struct Line {
  const T* first;
  int64_t count, stride;
  Arithmetic<T> operator[](int64_t k) const { return Arithmetic<T>(first[k * stride]); }
};

// `Index`: f gives a place in the line, not a value of it. Every reduction has the attribute axis first.
template <auto f, bool Index = false>
void reduce(Context& cpu, const Call& call) {
  const View &x = call.in[0], &y = call.out[0];
  const Axis a = axis_of(x, call.attributes[0].integer);
  with_number(x.dtype, [&]<class T>(T) {
    using Out = std::conditional_t<Index, int32_t, T>;
    const T* from = data_as<T>(x);
    Out* to = data_as<Out>(y);
    cpu.pool.run(a.outer * a.inner, std::max<int64_t>(1, kGrain / a.size), [&](int64_t begin, int64_t end) {
      for (int64_t line = begin; line < end; ++line) {
        const T* first = from + line / a.inner * a.size * a.inner + line % a.inner;
        to[line] = Out(static_cast<Arithmetic<Out>>(f(Line<T>{first, a.size, a.inner})));
      }
    });
  });
}

// int32 wraps around; floats add up in double, because a long line loses digits in float32.
template <class T>
auto total(const Line<T>& line) {
  std::conditional_t<std::is_same_v<T, int32_t>, uint32_t, double> sum = 0;
  for (int64_t k = 0; k < line.count; ++k) sum += static_cast<decltype(sum)>(line[k]);
  return sum;
}

// The first of the largest.
template <class T>
int32_t largest(const Line<T>& line) {
  int64_t best = 0;
  for (int64_t k = 1; k < line.count; ++k)
    if (line[best] < line[k]) best = k;
  return static_cast<int32_t>(best);
}

constexpr Row kRows[] = {
    {Op::kSum, reduce<[](auto line) { return total(line); }>},
    {Op::kMean, reduce<[](auto line) { return total(line) / static_cast<double>(line.count); }>},
    {Op::kMax, reduce<[](auto line) { return line[largest(line)]; }>},
    {Op::kArgmax, reduce<[](auto line) { return largest(line); }, true>},
};

}  // namespace

std::span<const Row> reduce_ops() { return kRows; }

}  // namespace lophi::cpu
