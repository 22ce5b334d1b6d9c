// Where the elements of operands lie that are stretched to the shape of the output. c2, c3: the shape, its last axis in c3.w. `own`: the axes
// that an operand has, the last one in bit 0; along the others it is stretched.
uint locate(uint i, uint own) {
  if (own == 0xff) return i;
  uint at = 0, stride = 1;
#define AXIS(number, dim)                   \
  if (dim != 1) {                           \
    if (own >> number & 1) {                \
      at += i % dim * stride;               \
      stride *= dim;                        \
    }                                       \
    i /= dim;                               \
  }
  AXIS(0, c3.w)
  AXIS(1, c3.z)
  AXIS(2, c3.y)
  AXIS(3, c3.x)
  AXIS(4, c2.w)
  AXIS(5, c2.z)
  AXIS(6, c2.y)
  AXIS(7, c2.x)
#undef AXIS
  return at;
}
