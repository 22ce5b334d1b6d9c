#include <bit>

#include "dml/graph.h"
#include "dml/ops/copy.h"
#include "dml/ops/table.h"

namespace lophi::dml {
namespace {

DML_TENSOR_DATA_TYPE type_of(DType dtype) {
  return dtype == DType::kFloat16 ? DML_TENSOR_DATA_TYPE_FLOAT16 : DML_TENSOR_DATA_TYPE_FLOAT32;
}

// DirectML binds at multiples of 16 bytes and writes whole words.
bool bindable(const View& view) { return view.offset % 16 == 0 && view.bytes() % 4 == 0; }

Operand temporary(Commands& commands, size_t bytes) {
  return {commands.gpu().memory->alloc(bytes + 3), 0, bytes, true};
}

Operand bound(Commands& commands, const View& view) {
  if (bindable(view)) return read(view);
  Operand copy = temporary(commands, view.bytes());
  copy_bytes(commands, read(view), copy);
  copy.written = false;
  return copy;
}

}  // namespace

// A DirectML graph in float32: its own float16 form overflows where the mean of the squares does not fit float16.
void rms_norm(Commands& commands, const Call& call) {
  const args::RmsNorm x(call);
  const int64_t c = x.x.dim(-1), rows = c ? x.x.count() / c : 0;
  if (!rows) return;
  const auto epsilon = static_cast<float>(x.epsilon);
  const std::string key = "rmsNorm " + std::to_string(rows) + " " + std::to_string(c) + " " + name_of(x.x.dtype) + " " +
                          name_of(x.weight.dtype) + " " + std::to_string(std::bit_cast<uint32_t>(epsilon));
  const auto graph = commands.gpu().graphs->get(key, [&] {
    constexpr auto kF32 = DML_TENSOR_DATA_TYPE_FLOAT32;
    const auto width = static_cast<UINT>(c);
    GraphBuilder b(commands.gpu());
    const auto in = b.input(type_of(x.x.dtype), {1, 1, static_cast<UINT>(rows), width});
    const auto scale = b.input(type_of(x.weight.dtype), {1, 1, 1, width});
    return b.compile(b.rms_norm(b.cast(in, kF32), b.cast(scale, kF32), epsilon));
  });
  const Operand inputs[] = {bound(commands, x.x), bound(commands, x.weight)};
  const bool narrows = x.y.dtype == DType::kFloat16;
  // a graph must not write over its input
  const bool direct = !narrows && bindable(x.y) && x.y.buffer != x.x.buffer && x.y.buffer != x.weight.buffer;
  const Operand output = direct ? write(x.y) : temporary(commands, static_cast<size_t>(x.y.count()) * sizeof(float));
  commands.graph(graph, inputs, output);
  if (direct) return;
  Operand result = output;
  result.written = false;
  if (!narrows) return copy_bytes(commands, result, write(x.y));
  constexpr int64_t kGroup = 256;
  const uint32_t constants[] = {static_cast<uint32_t>(x.y.count())};
  const Operand operands[] = {result, write(x.y)};
  commands.kernel("cast", {}, operands, constants, static_cast<uint64_t>((x.y.count() + kGroup - 1) / kGroup));
}

}  // namespace lophi::dml
