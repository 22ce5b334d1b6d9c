// sum = x + residual, y = sum / sqrt(mean(sum^2) + epsilon) * weight, in float32. A group per row. c2: rows, columns, epsilon. Bound by
// memory. The norm sees the sum as stored, so that it equals add followed by rmsNorm.
// instances: TYPE<dtype> WEIGHT_TYPE<float>
#include "group_sum.hlsli"

RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer residual : register(u1);
RWByteAddressBuffer weight : register(u2);
RWByteAddressBuffer sum : register(u3);
RWByteAddressBuffer y : register(u4);

// As the operand holds it.
float rounded(float value) {
#if TYPE == FLOAT16
  return f16tof32(half_of(value));
#elif TYPE == BFLOAT16
  return asfloat(bfloat_of(value) << 16);
#else
  return value;
#endif
}

[numthreads(THREADS, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint row = group_index(group), columns = c2.y, first = row * columns, bytes = first * (BITS / 8);
  if (row >= c2.x) return;
  float squares = 0;
  uint i, w;
  for (w = thread; w <= columns * BITS / 32; w += THREADS) {
    Word word = word_of(w, starts0.w + bytes, columns);
    for (i = word.begin; i < word.end; ++i) {
      const float value =
          rounded(load_number(x, starts0.x, first + i) + load_number(residual, starts0.y, first + i));
      squares += value * value;
      put(word, i, bits_of(value));
    }
    store(sum, word);
  }
  const float scale = 1 / sqrt(group_sum(squares, thread) / columns + asfloat(c2.z));
  DeviceMemoryBarrierWithGroupSync();
  for (w = thread; w <= columns * BITS / 32; w += THREADS) {
    Word word = word_of(w, starts1.x + bytes, columns);
    for (i = word.begin; i < word.end; ++i) {
      const float factor = load_float(weight, starts0.z, i, WEIGHT_TYPE);
      put(word, i, bits_of(load_number(sum, starts0.w, first + i) * scale * factor));
    }
    store(y, word);
  }
}
