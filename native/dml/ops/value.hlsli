// An element of any dtype, and how TYPE stores it: floats round to nearest even; to an integer they truncate and saturate, NaN gives 0;
// integers saturate.
struct Value {
  bool whole;          // of 32 bits, which float32 does not hold
  bool negative;       // a whole number
  uint size;           // its magnitude
  float real;          // else
};

Value value_of(float real) {
  Value value = (Value)0;
  value.real = real;
  return value;
}

Value load_value(RWByteAddressBuffer b, uint start, uint i, uint type) {
  if (type <= BFLOAT16) return value_of(load_float(b, start, i, type));
  if (type == INT8) return value_of((float)((int)(load_byte(b, start + i) << 24) >> 24));
  if (type == UINT8) return value_of((float)load_byte(b, start + i));
  const uint nibble = load_byte(b, start + i / 2) >> i % 2 * 4 & 15;
  if (type == INT4) return value_of((float)((int)(nibble << 28) >> 28));
  if (type == UINT4) return value_of((float)nibble);
  const uint bits = b.Load(start + i * 4);
  Value value = (Value)0;
  value.whole = true;
  value.negative = type == INT32 && (int)bits < 0;
  value.size = value.negative ? 0u - bits : bits;
  return value;
}

#if TYPE <= BFLOAT16
uint bits_of_value(Value value) {
  float real = value.real;
  if (value.whole) {
    // both parts are exact, so that only their sum is rounded
    precise const float size = (float)(value.size >> 16) * 65536 + (float)(value.size & 0xffff);
    real = value.negative ? -size : size;
  }
  return bits_of(real);
}
#else
#if TYPE == INT8
#define BELOW 128u
#define ABOVE 127u
#elif TYPE == UINT8
#define BELOW 0u
#define ABOVE 255u
#elif TYPE == INT4
#define BELOW 8u
#define ABOVE 7u
#elif TYPE == UINT4
#define BELOW 0u
#define ABOVE 15u
#elif TYPE == INT32
#define BELOW 0x80000000u
#define ABOVE 0x7fffffffu
#else
#define BELOW 0u
#define ABOVE 0xffffffffu
#endif
uint bits_of_value(Value value) {
  uint size = value.size;
  bool negative = value.negative;
  if (!value.whole) {
    if (is_nan(value.real)) return 0;
    negative = (int)asuint(value.real) < 0;
    const float real = abs(value.real);
    size = real >= 4294967296.0 ? 0xffffffff : (uint)real;
  }
  size = min(size, negative ? BELOW : ABOVE);
  return (negative ? 0u - size : size) & (0xffffffffu >> (32 - BITS));
}
#endif
