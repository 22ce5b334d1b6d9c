// Elements of any dtype in another place: nothing is computed.
#include "cpu/layout.h"

#include "core/fault.h"

#include "cpu/ops/table.h"

namespace lophi::cpu {
namespace {

void copy(Context& cpu, const Call& call) {
  const args::Copy x(call);
  const std::byte* from = data_of(x.x);
  std::byte* to = data_of(x.y);
  cpu.pool.run(static_cast<int64_t>(x.y.bytes()), kGrain * 16, [&](int64_t begin, int64_t end) {
    std::memcpy(to + begin, from + begin, static_cast<size_t>(end - begin));
  });
}

void slice(Context& cpu, const Call& call) {
  const args::Slice x(call);
  const Axis a = axis_of(x.x, x.axis);
  const int64_t start = x.start < 0 ? x.start + a.size : x.start;
  const int64_t size = axis_of(x.y, x.axis).size;
  const int64_t run = size * a.inner;  // elements that lie together
  cpu.pool.run(a.outer, grain_for(x.x.dtype, kGrain / std::max<int64_t>(1, run)), [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o)
      copy_elements(x.x.dtype, data_of(x.x), (o * a.size + start) * a.inner, data_of(x.y), o * run, run);
  });
}

void concat(Context& cpu, const Call& call) {
  const args::Concat x(call);
  const Axis y = axis_of(x.y, x.axis);
  int64_t first = 0;  // where the operand starts along the axis of y
  for (const View& operand : x.xs) {
    const Axis a = axis_of(operand, x.axis);
    const int64_t run = a.size * a.inner;
    cpu.pool.run(
        a.outer, grain_for(operand.dtype, kGrain / std::max<int64_t>(1, run)), [&](int64_t begin, int64_t end) {
          for (int64_t o = begin; o < end; ++o)
            copy_elements(operand.dtype, data_of(operand), o * run, data_of(x.y), (o * y.size + first) * y.inner, run);
        });
    first += a.size;
  }
}

void gather(Context& cpu, const Call& call) {
  const args::Gather x(call);
  const Axis a = axis_of(x.x, x.axis);
  const int32_t* indices = data_as<int32_t>(x.indices);
  const int64_t count = x.indices.count();
  for (int64_t i = 0; i < count; ++i)
    if (indices[i] < 0 || indices[i] >= a.size)
      throw fault_error("gather", FaultKind::kIndex, "indices", i, indices[i], a.size);
  cpu.pool.run(a.outer * count, grain_for(x.x.dtype, kGrain / std::max<int64_t>(1, a.inner)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i)
                   copy_elements(x.x.dtype, data_of(x.x), (i / count * a.size + indices[i % count]) * a.inner,
                                 data_of(x.y), i * a.inner, a.inner);
               });
}

void transpose(Context& cpu, const Call& call) {
  const args::Transpose x(call);
  const std::vector<int64_t> of_x = broadcast_strides(x.x.shape, x.x.shape);
  std::array<std::vector<int64_t>, 1> strides;
  for (int64_t axis : x.permutation) strides[0].push_back(of_x[static_cast<size_t>(axis)]);
  cpu.pool.run(x.y.count(), grain_for(x.x.dtype, kGrain), [&](int64_t begin, int64_t end) {
    walk(x.y.shape, strides, begin, end,
         [&](int64_t i, const auto& at) { copy_elements(x.x.dtype, data_of(x.x), at[0], data_of(x.y), i, 1); });
  });
}

constexpr Row kRows[] = {
    {Op::kCopy, copy}, {Op::kSlice, slice}, {Op::kConcat, concat}, {Op::kGather, gather}, {Op::kTranspose, transpose},
};

}  // namespace

std::span<const Row> layout_ops() { return kRows; }

}  // namespace lophi::cpu
