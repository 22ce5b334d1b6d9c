// Generated from lib/ops/schema.ts by npm run gen; do not edit.
// clang-format off
#pragma once
#include "core/call.h"
#include "core/op.h"

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
