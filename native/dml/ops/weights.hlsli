// Values of the rows of one part of a weight in canonical form (native/core/form.h). What the form fixes is compiled in (dml/weight.cpp).
// c3.y: columns of a scale, c3.z: offset of the order; c4, c5: offsets of the sections, c6, c7: their strides.
RWByteAddressBuffer w : register(u1);

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

// The column that stands at place k.
uint column_of(uint k) {
#if ORDER
  return w.Load(c3.z + k * 4);
#else
  return k;
#endif
}

// Value i of a plane that begins at a whole word.
uint bits_at(uint plane, uint bits, uint i) {
  const uint at = i * bits;
  return w.Load(plane + at / 32 * 4) >> at % 32 & ((1u << bits) - 1);
}

#if CODEBOOK
static const int kValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
#endif

// Level q of a group is worth (q - zero) * scale + offset.
struct Affine {
  float scale, zero, offset;
};
Affine affine_at(uint n, uint group) {
  Affine made;
  made.scale = load_float(w, scales(n), group / SUPER, SCALE_TYPE);
  made.zero = ZERO;
  made.offset = 0;
#if SCALE_LOW
  uint level = bits_at(scale_low(n), SCALE_LOW, group);
#if SCALE_HIGH
  level |= bits_at(scale_high(n), SCALE_HIGH, group) << SCALE_LOW;
#endif
  made.scale *= (int)level - SCALE_ZERO;
#endif
#if SHIFT_LOW
  uint shift = bits_at(shift_low(n), SHIFT_LOW, group);
#if SHIFT_HIGH
  shift |= bits_at(shift_high(n), SHIFT_HIGH, group) << SHIFT_LOW;
#endif
#endif
#if SHIFT == ZEROS
  made.zero = shift;
#elif SHIFT == FLOAT_ZEROS
  made.zero = load_float(w, shifts(n), group / SUPER, SCALE_TYPE);
#elif SHIFT == OFFSETS
  made.offset = load_float(w, shifts(n), group / SUPER, SCALE_TYPE);
#elif SHIFT == MINIMA
  made.offset = -(load_float(w, shifts(n), group / SUPER, SCALE_TYPE) * shift);
#endif
  return made;
}

// The value at place k of row n of the part; k belongs to the group of `affine`.
float weight_at(uint n, uint k, Affine affine) {
#if FLOATS
  return load_float(w, low_plane(n), k, FLOAT_TYPE);
#else
  uint q = bits_at(low_plane(n), LOW, k);
#if HIGH
  q |= bits_at(high_plane(n), HIGH, k) << LOW;
#endif
#if CODEBOOK
  return kValues[q] * affine.scale;
#else
  precise const float value = ((float)q - affine.zero) * affine.scale + affine.offset;
  return value;
#endif
#endif
}
