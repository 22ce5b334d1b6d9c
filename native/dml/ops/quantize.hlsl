// x as 4 bits per block of a row. A group takes two neighbouring blocks, whose zero points share a byte. c2: blocks of a row, columns, block,
// 1: symmetric; c3.x: rows. Reads x twice, the second time from the cache; bound by memory.
// instances: TYPE<dtype>
#include "elementary.hlsli"

#define THREADS 64

RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer b : register(u1);
RWByteAddressBuffer scales : register(u2);
RWByteAddressBuffer zeros : register(u3);

// The range of a block.
struct Range {
  float low, high;  // with 0 inside
  float largest;    // by magnitude
  uint at;          // where the first of that magnitude stands
};

groupshared Range partial[THREADS];

Range join(Range a, Range b) {
  Range range = a;
  if (abs(a.largest) < abs(b.largest) || (abs(a.largest) == abs(b.largest) && b.at < a.at)) range = b;
  range.low = min(a.low, b.low);
  range.high = max(a.high, b.high);
  return range;
}

uint level(float value) { return (uint)clamp(round(value), 0.0, 15.0); }

void store_byte(RWByteAddressBuffer to, uint at, uint value) {
  store_bits(to, at & ~3u, 255u << at % 4 * 8, value << at % 4 * 8);
}

[numthreads(THREADS, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint pairs = (c2.x + 1) / 2, pair = group_index(group), row = pair / pairs, first = pair % pairs * 2;
  if (row >= c3.x) return;
  uint packed = 0;
  for (uint side = 0; side < 2; ++side) {
    const uint block = first + side, begin = row * c2.y + block * c2.z;
    const bool there = block < c2.x;
    const uint n = there ? min(c2.y - block * c2.z, c2.z) : 0;
    Range range = (Range)0;
    for (uint j = thread; j < n; j += THREADS) {
      const float value = load_number(x, starts0.x, begin + j);
      Range own;
      own.low = own.high = own.largest = value;
      own.at = j;
      range = join(range, own);
    }
    partial[thread] = range;
    GroupMemoryBarrierWithGroupSync();
    for (uint half = THREADS / 2; half > 0; half /= 2) {
      if (thread < half) partial[thread] = join(partial[thread], partial[thread + half]);
      GroupMemoryBarrierWithGroupSync();
    }
    range = partial[0];
    GroupMemoryBarrierWithGroupSync();

    float scale = range.largest / -8;
    uint zero = 8;
    if (!c2.w) {
      scale = quotient(range.high - range.low, 15);
      zero = scale != 0 ? level(quotient(-range.low, scale)) : 0;
    }
    packed |= (there ? zero : 0) << side * 4;
    const uint bytes = there ? c2.z / 2 : 0;
    for (uint i = thread; i < bytes; i += THREADS) {
      uint value = 0;
      for (uint k = 0; k < 2; ++k) {  // padded with zeros
        const uint at = 2 * i + k;
        float q = 0;
        if (at < n && scale != 0) q = quotient(load_number(x, starts0.x, begin + at), scale);
        value |= level(q + zero) << k * 4;
      }
      store_byte(b, starts0.y + (row * c2.x + block) * (c2.z / 2) + i, value);
    }
    if (there && thread == 0) store_one(scales, starts0.z, row * c2.x + block, bits_of(scale));
  }
  if (thread == 0) store_byte(zeros, starts0.w + pair, packed);
}
