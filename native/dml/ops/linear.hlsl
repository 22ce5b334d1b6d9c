// y [M, N] = x [M, K] * w [N, K] transposed + bias [N], for the rows of one part of w in canonical form (native/core/form.h). A group makes
// one element of y at a time: threads take 16 values, which share a scale, float32 sums. The plain version.
// c2: M, N, K, the part's first row; c3: its rows, columns of a scale, offset of the order, 1: there is a bias; c4, c5: offsets of the sections, c6, c7:
// their strides.
// instances: made with weights
RWByteAddressBuffer x : register(u0);
RWByteAddressBuffer w : register(u1);
RWByteAddressBuffer y : register(u2);
RWByteAddressBuffer bias : register(u3);

#define THREADS 64
#define SPAN 16
groupshared float sums[THREADS];

// Shift of native/core/form.h
#define ZEROS 1
#define FLOAT_ZEROS 2
#define OFFSETS 3
#define MINIMA 4

uint low_plane(uint n) { return c4.x + n * c6.x; }
uint high_plane(uint n) { return c4.y + n * c6.y; }
uint scales(uint n) { return c4.z + n * c6.z; }
uint scale_low(uint n) { return c4.w + n * c6.w; }
uint scale_high(uint n) { return c5.x + n * c7.x; }
uint shifts(uint n) { return c5.y + n * c7.y; }
uint shift_low(uint n) { return c5.z + n * c7.z; }
uint shift_high(uint n) { return c5.w + n * c7.w; }

// Value i of a plane that begins at a whole word.
uint bits_at(uint plane, uint bits, uint i) {
  const uint at = i * bits;
  return w.Load(plane + at / 32 * 4) >> at % 32 & ((1u << bits) - 1);
}

#if CODEBOOK
static const int kValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
#endif

#if !FLOATS
// The value of level q of row n is (q - zero) * scale + offset.
void find_form(uint n, uint group, out float scale, out float zero, out float offset) {
  scale = load_float(w, scales(n), group / SUPER, SCALE_TYPE);
  zero = ZERO;
  offset = 0;
#if SCALE_LOW
  uint level = bits_at(scale_low(n), SCALE_LOW, group);
#if SCALE_HIGH
  level |= bits_at(scale_high(n), SCALE_HIGH, group) << SCALE_LOW;
#endif
  scale *= (int)level - SCALE_ZERO;
#endif
#if SHIFT_LOW
  uint shift = bits_at(shift_low(n), SHIFT_LOW, group);
#if SHIFT_HIGH
  shift |= bits_at(shift_high(n), SHIFT_HIGH, group) << SHIFT_LOW;
#endif
#endif
#if SHIFT == ZEROS
  zero = shift;
#elif SHIFT == FLOAT_ZEROS
  zero = load_float(w, shifts(n), group / SUPER, SCALE_TYPE);
#elif SHIFT == OFFSETS
  offset = load_float(w, shifts(n), group / SUPER, SCALE_TYPE);
#elif SHIFT == MINIMA
  offset = -(load_float(w, shifts(n), group / SUPER, SCALE_TYPE) * shift);
#endif
}
#endif

float dot16(uint n, uint m, uint first) {
  const uint end = min(first + SPAN, c2.z);
  float sum = 0;
#if !FLOATS
  float scale, zero, offset;
  find_form(n, first / c3.y, scale, zero, offset);
#endif
  for (uint k = first; k < end; ++k) {
#if ORDER
    const uint column = w.Load(c3.z + k * 4);
#else
    const uint column = k;
#endif
#if FLOATS
    const float value = load_float(w, low_plane(n), k, FLOAT_TYPE);
#else
    uint q = bits_at(low_plane(n), LOW, k);
#if HIGH
    q |= bits_at(high_plane(n), HIGH, k) << LOW;
#endif
#if CODEBOOK
    const float value = kValues[q] * scale;
#else
    const float value = ((float)q - zero) * scale + offset;
#endif
#endif
    sum += load_float(x, starts0.x, m * c2.z + column, TYPE) * value;
  }
  return sum;
}

[numthreads(THREADS, 1, 1)] void main(uint3 group : SV_GroupID, uint thread : SV_GroupIndex) {
  const uint n = group_index(group);
  if (n >= c3.x) return;
  for (uint m = group.z; m < c2.x; m += 65535) {
    float sum = 0;
    for (uint k = thread * SPAN; k < c2.z; k += THREADS * SPAN) sum += dot16(n, m, k);
    sums[thread] = sum;
    GroupMemoryBarrierWithGroupSync();
    for (uint half = THREADS / 2; half > 0; half /= 2) {
      if (thread < half) sums[thread] += sums[thread + half];
      GroupMemoryBarrierWithGroupSync();
    }
    if (thread == 0) {
      const uint column = c2.w + n;
      // `?:` reads both of its sides
      const float first = load_float(bias, starts0.w, c3.w ? column : 0, FLOAT32), added = c3.w ? first : 0;
      store_float(y, starts0.z, m * c2.y + column, TYPE, sums[0] + added);
    }
    GroupMemoryBarrierWithGroupSync();
  }
}
