// Generated from lib/ops/schema.ts by npm run gen; do not edit.
// clang-format off
#pragma once
#include "core/call.h"

namespace lophi {

enum class Op : uint16_t {
  kEmbedding,
  kRmsNorm,
  kAddRmsNorm,
  kMatmul,
  kMatmulInt4,
  kLinear,
  kRotaryEmbedding,
  kAttention,
  kSiluMul,
  kSample,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMaximum,
  kMinimum,
  kNeg,
  kExp,
  kLog,
  kSqrt,
  kTanh,
  kSigmoid,
  kWhere,
  kSum,
  kMean,
  kMax,
  kArgmax,
  kSoftmax,
  kTopK,
  kGather,
  kConcat,
  kSlice,
  kTranspose,
  kCopy,
  kCast,
  kZeros,
  kFull,
  kArange,
  kQuantize,
  kDequantize,
};
inline constexpr size_t kOpCount = 40;

// One entry per op, in the order of Op; the strings are the grammar of the schema.
inline const std::vector<OpEntry>& op_entries() {
  static const std::vector<OpEntry> entries = {
      {"embedding",
       {{"table", "weight[V, C]"}, {"ids", "int32[T]"}},
       {{"dtype", "dtype = float32"}},
       {{"y", "dtype[T, C]"}},
       {},
       false,
       {}},
      {"rmsNorm",
       {{"x", "float[..., C]"}, {"weight", "float[C]"}},
       {{"epsilon", "float = 1e-5"}},
       {{"y", "x[..., C]"}},
       {},
       true,
       {}},
      {"addRmsNorm",
       {{"x", "float[..., C]"}, {"residual", "x[..., C]"}, {"weight", "float[C]"}},
       {{"epsilon", "float = 1e-5"}},
       {{"sum", "x[..., C]"}, {"y", "x[..., C]"}},
       {},
       false,
       {{Op::kAdd, {{"a", "x"}, {"b", "residual"}}, {{"y", "sum"}}}, {Op::kRmsNorm, {{"x", "sum"}, {"weight", "weight"}}, {{"y", "y"}}}}},
      {"matmul",
       {{"a", "float[..., K]"}, {"b", "a[K, N]"}},
       {},
       {{"y", "a[..., N]"}},
       {},
       false,
       {}},
      {"matmulInt4",
       {{"a", "float[..., K]"}, {"b", "uint8[N, ceil(K/blockSize), blockSize/2]"}, {"scales", "float[N, ceil(K/blockSize)]"}, {"zeros", "uint8[N, ceil(ceil(K/blockSize)/2)]?"}},
       {{"blockSize", "int"}},
       {{"y", "a[..., N]"}},
       {"blockSize >= 2"},
       false,
       {}},
      {"linear",
       {{"x", "float[..., K]"}, {"w", "weight[N, K]"}, {"bias", "float32[N]?"}},
       {{"activations", "f32 | int8 = f32"}},
       {{"y", "x[..., N]"}},
       {},
       false,
       {}},
      {"rotaryEmbedding",
       {{"x", "float[T, N*headDim]"}, {"cos", "float32[P, R]"}, {"sin", "float32[P, R]"}, {"position", "int32[T]"}},
       {{"headDim", "int"}, {"heads", "int = 0"}},
       {{"y", "x[T, N*headDim]"}},
       {"2*R <= headDim", "0 <= heads", "heads <= N"},
       true,
       {}},
      {"attention",
       {{"keys", "inout cache[P, G, L, D]"}, {"values", "inout keys[P, G, L, D]"}, {"qkv", "float[T, (H+2*G)*D]"}, {"position", "int32[T]"}, {"pages", "int32[B, M]?"}, {"rows", "int32[B+1]?"}, {"keyScales", "inout float32[P, G, L]?"}, {"valueScales", "inout float32[P, G, L]?"}},
       {{"window", "int = 0"}, {"scale", "float = 0"}},
       {{"y", "qkv[T, H*D]"}},
       {"H/G >= 1", "0 <= window"},
       false,
       {}},
      {"siluMul",
       {{"x", "float[..., 2*I]"}},
       {},
       {{"y", "x[..., I]"}},
       {},
       false,
       {}},
      {"sample",
       {{"logits", "float[B, V]"}, {"params", "float32[B, 8]"}, {"seeds", "uint32[B, 2]"}, {"position", "int32[B]"}, {"histories", "inout int32[B, W]"}},
       {},
       {{"id", "int32[B]"}, {"logprob", "float32[B]"}},
       {"V >= 1", "W >= 1"},
       false,
       {}},
      {"add",
       {{"a", "number[...]"}, {"b", "a broadcast"}},
       {},
       {{"y", "a broadcast(a, b)"}},
       {},
       true,
       {}},
      {"sub",
       {{"a", "number[...]"}, {"b", "a broadcast"}},
       {},
       {{"y", "a broadcast(a, b)"}},
       {},
       true,
       {}},
      {"mul",
       {{"a", "number[...]"}, {"b", "a broadcast"}},
       {},
       {{"y", "a broadcast(a, b)"}},
       {},
       true,
       {}},
      {"div",
       {{"a", "float[...]"}, {"b", "a broadcast"}},
       {},
       {{"y", "a broadcast(a, b)"}},
       {},
       true,
       {}},
      {"maximum",
       {{"a", "number[...]"}, {"b", "a broadcast"}},
       {},
       {{"y", "a broadcast(a, b)"}},
       {},
       true,
       {}},
      {"minimum",
       {{"a", "number[...]"}, {"b", "a broadcast"}},
       {},
       {{"y", "a broadcast(a, b)"}},
       {},
       true,
       {}},
      {"neg",
       {{"x", "number[...]"}},
       {},
       {{"y", "x[...]"}},
       {},
       true,
       {}},
      {"exp",
       {{"x", "float[...]"}},
       {},
       {{"y", "x[...]"}},
       {},
       true,
       {}},
      {"log",
       {{"x", "float[...]"}},
       {},
       {{"y", "x[...]"}},
       {},
       true,
       {}},
      {"sqrt",
       {{"x", "float[...]"}},
       {},
       {{"y", "x[...]"}},
       {},
       true,
       {}},
      {"tanh",
       {{"x", "float[...]"}},
       {},
       {{"y", "x[...]"}},
       {},
       true,
       {}},
      {"sigmoid",
       {{"x", "float[...]"}},
       {},
       {{"y", "x[...]"}},
       {},
       true,
       {}},
      {"where",
       {{"condition", "uint8[...]"}, {"a", "number broadcast"}, {"b", "a broadcast"}},
       {},
       {{"y", "a broadcast(condition, a, b)"}},
       {},
       false,
       {}},
      {"sum",
       {{"x", "number[...]"}},
       {{"axis", "int = -1"}, {"keepDims", "bool = false"}},
       {{"y", "x reduce(x, axis, keepDims)"}},
       {},
       false,
       {}},
      {"mean",
       {{"x", "float[...]"}},
       {{"axis", "int = -1"}, {"keepDims", "bool = false"}},
       {{"y", "x reduce(x, axis, keepDims)"}},
       {},
       false,
       {}},
      {"max",
       {{"x", "number[...]"}},
       {{"axis", "int = -1"}, {"keepDims", "bool = false"}},
       {{"y", "x reduce(x, axis, keepDims)"}},
       {},
       false,
       {}},
      {"argmax",
       {{"x", "number[...]"}},
       {{"axis", "int = -1"}, {"keepDims", "bool = false"}},
       {{"y", "int32 reduce(x, axis, keepDims)"}},
       {},
       false,
       {}},
      {"softmax",
       {{"x", "float[...]"}},
       {{"axis", "int = -1"}},
       {{"y", "x[...]"}},
       {},
       true,
       {}},
      {"topK",
       {{"x", "float[..., N]"}},
       {{"k", "int"}},
       {{"values", "x[..., k]"}, {"indices", "int32[..., k]"}},
       {"1 <= k", "k <= N"},
       false,
       {}},
      {"gather",
       {{"x", "any[...]"}, {"indices", "int32 free"}},
       {{"axis", "int = 0"}},
       {{"y", "x gather(x, indices, axis)"}},
       {},
       false,
       {}},
      {"concat",
       {{"xs", "any free*"}},
       {{"axis", "int = 0"}},
       {{"y", "xs concat(xs, axis)"}},
       {},
       false,
       {}},
      {"slice",
       {{"x", "any[...]"}},
       {{"axis", "int = 0"}, {"start", "int"}, {"end", "int"}},
       {{"y", "x slice(x, axis, start, end)"}},
       {},
       false,
       {}},
      {"transpose",
       {{"x", "any[...]"}},
       {{"permutation", "ints"}},
       {{"y", "x transpose(x, permutation)"}},
       {},
       false,
       {}},
      {"copy",
       {{"x", "any[...]"}},
       {},
       {{"y", "x[...]"}},
       {},
       false,
       {}},
      {"cast",
       {{"x", "any[...]"}},
       {{"dtype", "dtype"}},
       {{"y", "dtype[...]"}},
       {},
       false,
       {}},
      {"zeros",
       {},
       {{"shape", "ints"}, {"dtype", "dtype = float32"}},
       {{"y", "dtype shape(shape)"}},
       {},
       false,
       {}},
      {"full",
       {},
       {{"shape", "ints"}, {"value", "float"}, {"dtype", "dtype = float32"}},
       {{"y", "dtype shape(shape)"}},
       {},
       false,
       {}},
      {"arange",
       {},
       {{"count", "int"}, {"start", "float = 0"}, {"step", "float = 1"}, {"dtype", "dtype = float32"}},
       {{"y", "dtype[count]"}},
       {},
       false,
       {}},
      {"quantize",
       {{"x", "float[N, K]"}},
       {{"blockSize", "int = 32"}, {"symmetric", "bool = true"}},
       {{"b", "uint8[N, ceil(K/blockSize), blockSize/2]"}, {"scales", "x[N, ceil(K/blockSize)]"}, {"zeros", "uint8[N, ceil(ceil(K/blockSize)/2)]"}},
       {"blockSize >= 2"},
       false,
       {}},
      {"dequantize",
       {{"b", "uint8[N, ceil(columns/blockSize), blockSize/2]"}, {"scales", "float[N, ceil(columns/blockSize)]"}, {"zeros", "uint8[N, ceil(ceil(columns/blockSize)/2)]?"}},
       {{"columns", "int"}, {"blockSize", "int = 32"}},
       {{"y", "scales[N, columns]"}},
       {"blockSize >= 2", "0 <= columns"},
       false,
       {}},
  };
  return entries;
}

// Operands and attributes of a checked call by name.
namespace args {

struct Embedding {
  const Weight& table;
  const View& ids;
  const View& y;
  DType dtype;
  explicit Embedding(const Call& call)
      : table(*call.weights[0]),
        ids(call.in[0]),
        y(call.out[0]),
        dtype(static_cast<DType>(call.attributes[0].integer)) {}
};

struct RmsNorm {
  const View& x;
  const View& weight;
  const View& y;
  double epsilon;
  explicit RmsNorm(const Call& call)
      : x(call.in[0]),
        weight(call.in[1]),
        y(call.out[0]),
        epsilon(call.attributes[0].number) {}
};

struct AddRmsNorm {
  const View& x;
  const View& residual;
  const View& weight;
  const View& sum;
  const View& y;
  double epsilon;
  explicit AddRmsNorm(const Call& call)
      : x(call.in[0]),
        residual(call.in[1]),
        weight(call.in[2]),
        sum(call.out[0]),
        y(call.out[1]),
        epsilon(call.attributes[0].number) {}
};

struct Matmul {
  const View& a;
  const View& b;
  const View& y;
  explicit Matmul(const Call& call)
      : a(call.in[0]),
        b(call.in[1]),
        y(call.out[0]) {}
};

struct MatmulInt4 {
  const View& a;
  const View& b;
  const View& scales;
  const View* zeros;
  const View& y;
  int64_t block_size;
  explicit MatmulInt4(const Call& call)
      : a(call.in[0]),
        b(call.in[1]),
        scales(call.in[2]),
        zeros(call.in[3].buffer ? &call.in[3] : nullptr),
        y(call.out[0]),
        block_size(call.attributes[0].integer) {}
};

struct Linear {
  enum class Activations { kF32, kInt8 };
  const View& x;
  const Weight& w;
  const View* bias;
  const View& y;
  Activations activations;
  explicit Linear(const Call& call)
      : x(call.in[0]),
        w(*call.weights[0]),
        bias(call.in[1].buffer ? &call.in[1] : nullptr),
        y(call.out[0]),
        activations(static_cast<Activations>(call.attributes[0].integer)) {}
};

struct RotaryEmbedding {
  const View& x;
  const View& cos;
  const View& sin;
  const View& position;
  const View& y;
  int64_t head_dim;
  int64_t heads;
  explicit RotaryEmbedding(const Call& call)
      : x(call.in[0]),
        cos(call.in[1]),
        sin(call.in[2]),
        position(call.in[3]),
        y(call.out[0]),
        head_dim(call.attributes[0].integer),
        heads(call.attributes[1].integer) {}
};

struct Attention {
  const View& keys;
  const View& values;
  const View& qkv;
  const View& position;
  const View* pages;
  const View* rows;
  const View* key_scales;
  const View* value_scales;
  const View& y;
  int64_t window;
  double scale;
  explicit Attention(const Call& call)
      : keys(call.in[0]),
        values(call.in[1]),
        qkv(call.in[2]),
        position(call.in[3]),
        pages(call.in[4].buffer ? &call.in[4] : nullptr),
        rows(call.in[5].buffer ? &call.in[5] : nullptr),
        key_scales(call.in[6].buffer ? &call.in[6] : nullptr),
        value_scales(call.in[7].buffer ? &call.in[7] : nullptr),
        y(call.out[0]),
        window(call.attributes[0].integer),
        scale(call.attributes[1].number) {}
};

struct SiluMul {
  const View& x;
  const View& y;
  explicit SiluMul(const Call& call)
      : x(call.in[0]),
        y(call.out[0]) {}
};

struct Sample {
  const View& logits;
  const View& params;
  const View& seeds;
  const View& position;
  const View& histories;
  const View& id;
  const View& logprob;
  explicit Sample(const Call& call)
      : logits(call.in[0]),
        params(call.in[1]),
        seeds(call.in[2]),
        position(call.in[3]),
        histories(call.in[4]),
        id(call.out[0]),
        logprob(call.out[1]) {}
};

struct Add {
  const View& a;
  const View& b;
  const View& y;
  explicit Add(const Call& call)
      : a(call.in[0]),
        b(call.in[1]),
        y(call.out[0]) {}
};

struct Sub {
  const View& a;
  const View& b;
  const View& y;
  explicit Sub(const Call& call)
      : a(call.in[0]),
        b(call.in[1]),
        y(call.out[0]) {}
};

struct Mul {
  const View& a;
  const View& b;
  const View& y;
  explicit Mul(const Call& call)
      : a(call.in[0]),
        b(call.in[1]),
        y(call.out[0]) {}
};

struct Div {
  const View& a;
  const View& b;
  const View& y;
  explicit Div(const Call& call)
      : a(call.in[0]),
        b(call.in[1]),
        y(call.out[0]) {}
};

struct Maximum {
  const View& a;
  const View& b;
  const View& y;
  explicit Maximum(const Call& call)
      : a(call.in[0]),
        b(call.in[1]),
        y(call.out[0]) {}
};

struct Minimum {
  const View& a;
  const View& b;
  const View& y;
  explicit Minimum(const Call& call)
      : a(call.in[0]),
        b(call.in[1]),
        y(call.out[0]) {}
};

struct Neg {
  const View& x;
  const View& y;
  explicit Neg(const Call& call)
      : x(call.in[0]),
        y(call.out[0]) {}
};

struct Exp {
  const View& x;
  const View& y;
  explicit Exp(const Call& call)
      : x(call.in[0]),
        y(call.out[0]) {}
};

struct Log {
  const View& x;
  const View& y;
  explicit Log(const Call& call)
      : x(call.in[0]),
        y(call.out[0]) {}
};

struct Sqrt {
  const View& x;
  const View& y;
  explicit Sqrt(const Call& call)
      : x(call.in[0]),
        y(call.out[0]) {}
};

struct Tanh {
  const View& x;
  const View& y;
  explicit Tanh(const Call& call)
      : x(call.in[0]),
        y(call.out[0]) {}
};

struct Sigmoid {
  const View& x;
  const View& y;
  explicit Sigmoid(const Call& call)
      : x(call.in[0]),
        y(call.out[0]) {}
};

struct Where {
  const View& condition;
  const View& a;
  const View& b;
  const View& y;
  explicit Where(const Call& call)
      : condition(call.in[0]),
        a(call.in[1]),
        b(call.in[2]),
        y(call.out[0]) {}
};

struct Sum {
  const View& x;
  const View& y;
  int64_t axis;
  bool keep_dims;
  explicit Sum(const Call& call)
      : x(call.in[0]),
        y(call.out[0]),
        axis(call.attributes[0].integer),
        keep_dims(call.attributes[1].integer != 0) {}
};

struct Mean {
  const View& x;
  const View& y;
  int64_t axis;
  bool keep_dims;
  explicit Mean(const Call& call)
      : x(call.in[0]),
        y(call.out[0]),
        axis(call.attributes[0].integer),
        keep_dims(call.attributes[1].integer != 0) {}
};

struct Max {
  const View& x;
  const View& y;
  int64_t axis;
  bool keep_dims;
  explicit Max(const Call& call)
      : x(call.in[0]),
        y(call.out[0]),
        axis(call.attributes[0].integer),
        keep_dims(call.attributes[1].integer != 0) {}
};

struct Argmax {
  const View& x;
  const View& y;
  int64_t axis;
  bool keep_dims;
  explicit Argmax(const Call& call)
      : x(call.in[0]),
        y(call.out[0]),
        axis(call.attributes[0].integer),
        keep_dims(call.attributes[1].integer != 0) {}
};

struct Softmax {
  const View& x;
  const View& y;
  int64_t axis;
  explicit Softmax(const Call& call)
      : x(call.in[0]),
        y(call.out[0]),
        axis(call.attributes[0].integer) {}
};

struct TopK {
  const View& x;
  const View& values;
  const View& indices;
  int64_t k;
  explicit TopK(const Call& call)
      : x(call.in[0]),
        values(call.out[0]),
        indices(call.out[1]),
        k(call.attributes[0].integer) {}
};

struct Gather {
  const View& x;
  const View& indices;
  const View& y;
  int64_t axis;
  explicit Gather(const Call& call)
      : x(call.in[0]),
        indices(call.in[1]),
        y(call.out[0]),
        axis(call.attributes[0].integer) {}
};

struct Concat {
  std::span<const View> xs;
  const View& y;
  int64_t axis;
  explicit Concat(const Call& call)
      : xs(std::span(call.in).subspan(0)),
        y(call.out[0]),
        axis(call.attributes[0].integer) {}
};

struct Slice {
  const View& x;
  const View& y;
  int64_t axis;
  int64_t start;
  int64_t end;
  explicit Slice(const Call& call)
      : x(call.in[0]),
        y(call.out[0]),
        axis(call.attributes[0].integer),
        start(call.attributes[1].integer),
        end(call.attributes[2].integer) {}
};

struct Transpose {
  const View& x;
  const View& y;
  std::span<const int64_t> permutation;
  explicit Transpose(const Call& call)
      : x(call.in[0]),
        y(call.out[0]),
        permutation(call.attributes[0].integers) {}
};

struct Copy {
  const View& x;
  const View& y;
  explicit Copy(const Call& call)
      : x(call.in[0]),
        y(call.out[0]) {}
};

struct Cast {
  const View& x;
  const View& y;
  DType dtype;
  explicit Cast(const Call& call)
      : x(call.in[0]),
        y(call.out[0]),
        dtype(static_cast<DType>(call.attributes[0].integer)) {}
};

struct Zeros {
  const View& y;
  std::span<const int64_t> shape;
  DType dtype;
  explicit Zeros(const Call& call)
      : y(call.out[0]),
        shape(call.attributes[0].integers),
        dtype(static_cast<DType>(call.attributes[1].integer)) {}
};

struct Full {
  const View& y;
  std::span<const int64_t> shape;
  double value;
  DType dtype;
  explicit Full(const Call& call)
      : y(call.out[0]),
        shape(call.attributes[0].integers),
        value(call.attributes[1].number),
        dtype(static_cast<DType>(call.attributes[2].integer)) {}
};

struct Arange {
  const View& y;
  int64_t count;
  double start;
  double step;
  DType dtype;
  explicit Arange(const Call& call)
      : y(call.out[0]),
        count(call.attributes[0].integer),
        start(call.attributes[1].number),
        step(call.attributes[2].number),
        dtype(static_cast<DType>(call.attributes[3].integer)) {}
};

struct Quantize {
  const View& x;
  const View& b;
  const View& scales;
  const View& zeros;
  int64_t block_size;
  bool symmetric;
  explicit Quantize(const Call& call)
      : x(call.in[0]),
        b(call.out[0]),
        scales(call.out[1]),
        zeros(call.out[2]),
        block_size(call.attributes[0].integer),
        symmetric(call.attributes[1].integer != 0) {}
};

struct Dequantize {
  const View& b;
  const View& scales;
  const View* zeros;
  const View& y;
  int64_t columns;
  int64_t block_size;
  explicit Dequantize(const Call& call)
      : b(call.in[0]),
        scales(call.in[1]),
        zeros(call.in[2].buffer ? &call.in[2] : nullptr),
        y(call.out[0]),
        columns(call.attributes[0].integer),
        block_size(call.attributes[1].integer) {}
};

}  // namespace args
}  // namespace lophi
