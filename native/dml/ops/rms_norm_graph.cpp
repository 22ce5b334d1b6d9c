// rmsNorm as a DirectML graph, where LOPHI_DIRECTML_GRAPHS asks for it.
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

bool overlap(const View& a, const View& b) {
  return a.buffer == b.buffer && a.offset < b.offset + b.bytes() && b.offset < a.offset + a.bytes();
}

// A DirectML graph in float32: its own float16 form overflows where the mean of the squares does not fit float16.
std::shared_ptr<const CompiledGraph> graph_of(Gpu& gpu, const args::RmsNorm& x) {
  DirectMlDevice& directml = gpu.directml("rmsNorm with LOPHI_DIRECTML_GRAPHS");
  const int64_t c = x.x.dim(-1), rows = x.x.count() / c;
  const auto epsilon = static_cast<float>(x.epsilon);
  const std::string key = "rmsNorm " + std::to_string(rows) + " " + std::to_string(c) + " " + name_of(x.x.dtype) + " " +
                          name_of(x.weight.dtype) + " " + std::to_string(std::bit_cast<uint32_t>(epsilon));
  return directml.graphs.get(key, [&] {
    constexpr auto kF32 = DML_TENSOR_DATA_TYPE_FLOAT32;
    const auto width = static_cast<UINT>(c);
    GraphBuilder b(gpu, directml);
    const auto in = b.input(type_of(x.x.dtype), {1, 1, static_cast<UINT>(rows), width});
    const auto scale = b.input(type_of(x.weight.dtype), {1, 1, 1, width});
    return b.compile(b.rms_norm(b.cast(in, kF32), b.cast(scale, kF32), epsilon));
  });
}

// What stands in the scratch: copies of operands that cannot be bound where they lie, the float32 result where y cannot take
// it, and DirectML's own temporary memory.
struct Layout {
  Layout(const args::RmsNorm& x, const CompiledGraph& graph)
      : x_copied(!bindable(x.x)),
        weight_copied(!bindable(x.weight)),
        // a graph must not write over its input
        direct(x.y.dtype == DType::kFloat32 && bindable(x.y) && !overlap(x.y, x.x) && !overlap(x.y, x.weight)),
        x_at(take(x_copied ? x.x.bytes() : 0)),
        weight_at(take(weight_copied ? x.weight.bytes() : 0)),
        result_bytes(static_cast<size_t>(x.y.count()) * sizeof(float)),
        result_at(take(direct ? 0 : result_bytes)),
        temporary_at(take(graph.properties.TemporaryResourceSize)) {}

  size_t bytes = 0;
  bool x_copied, weight_copied, direct;
  size_t x_at, weight_at, result_bytes, result_at, temporary_at;

 private:
  size_t take(size_t wanted) {
    const size_t at = bytes;
    bytes += (wanted + 255) / 256 * 256;
    return at;
  }
};

Operand part(const View& scratch, size_t at, size_t bytes, bool written) {
  return {scratch.buffer, scratch.offset + at, bytes, written};
}

Operand bound(Commands& commands, const View& view, bool copied, const View& scratch, size_t at) {
  if (!copied) return read(view);
  copy_bytes(commands, read(view), part(scratch, at, view.bytes(), true));
  return part(scratch, at, view.bytes(), false);
}

}  // namespace

size_t rms_norm_graph_scratch(Gpu& gpu, const Call& call) {
  const args::RmsNorm x(call);
  return x.x.count() ? Layout(x, *graph_of(gpu, x)).bytes : 0;
}

void rms_norm_graph(Commands& commands, const Call& call) {
  const args::RmsNorm x(call);
  if (!x.x.count()) return;
  const auto graph = graph_of(commands.gpu(), x);
  const Layout layout(x, *graph);
  const Operand inputs[] = {bound(commands, x.x, layout.x_copied, call.scratch, layout.x_at),
                            bound(commands, x.weight, layout.weight_copied, call.scratch, layout.weight_at)};
  const Operand output = layout.direct ? write(x.y) : part(call.scratch, layout.result_at, layout.result_bytes, true);
  const Operand temporary = part(call.scratch, layout.temporary_at, graph->properties.TemporaryResourceSize, true);
  commands.graph(commands.gpu().directml("rmsNorm"), graph, inputs, output, temporary);
  if (layout.direct) return;
  const Operand result = part(call.scratch, layout.result_at, layout.result_bytes, false);
  if (x.y.dtype == DType::kFloat32) return copy_bytes(commands, result, write(x.y));
  convert(commands, {result.buffer, result.offset, DType::kFloat32, x.y.shape}, x.y);
}

}  // namespace lophi::dml
