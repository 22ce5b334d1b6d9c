// Rows of any format as float32: the one way in which the float kernels read weights.
#pragma once
#include "cpu/isa_weights.inl"

#if LOPHI_VEC == 128
#include "cpu/isa_units.inl"
#else
#include "cpu/isa_unpack256.inl"
#endif

namespace lophi::cpu {
namespace {

// Calls body with the Type of the rows of w.
template <class Body>
LOPHI_INLINE void with_rows(const WeightRows& w, Body body) {
  if (is_grouped(w.format)) return with_group_rows(w, body);
  if (w.format <= kLastDirect)
    return with_format<WeightFormat::kFloat32, kLastDirect>(w.format, [&](auto f) { body(Type<UnitRows<f.value>>{}); });
  with_format<WeightFormat::kQ4_1, WeightFormat::kIq4Xs>(w.format,
                                                         [&](auto f) { body(Type<UnpackedBlocks<f.value>>{}); });
}

constexpr int64_t kUnpacked = kChunk * kUnit;

// Values [from, from + count) of the first row, exact; from is a multiple of kUnpacked, count no more than that.
using Unpack = void(const WeightRows& w, int64_t from, int64_t count, float* to);

template <class Rows>
void unpack(const WeightRows& w, int64_t from, int64_t count, float* to) {
  const Rows source(w);
  const auto row = source.row(0);
  for (int line = 0; line < Rows::kChunkBytes; line += 64)
    prefetch(Rows::chunk(row, from / kUnit) + Rows::kChunkBytes + line);
  typename Rows::Chunk chunk;
  source.open(row, from / kUnit, count, chunk);
  F values[kParts];
  int u = 0;
  for (; count >= kUnit; count -= kUnit, to += kUnit, ++u) {
    Rows::unit(chunk, u, values);
    for (int p = 0; p < kParts; ++p) store(to + p * kLanes, values[p]);
  }
  if (count == 0) return;
  Rows::unit(chunk, u, count, values);
  for (int p = 0; p < kParts; ++p) {
    const int64_t rest = count - p * kLanes;
    if (rest >= kLanes) {
      store(to + p * kLanes, values[p]);
    } else if (rest > 0) {
      store(to + p * kLanes, values[p], Tail{rest});
    }
  }
}

Unpack* unpack_of(const WeightRows& w) {
  Unpack* result = nullptr;
  with_rows(w, [&](auto type) { result = unpack<typename decltype(type)::type>; });
  return result;
}

void dequantize(const WeightRows& w, float* to, int64_t n) {
  Unpack* const unpack = unpack_of(w);
  for (int64_t from = 0; from < n; from += kUnpacked) unpack(w, from, smaller(n - from, kUnpacked), to + from);
}

}  // namespace
}  // namespace lophi::cpu
