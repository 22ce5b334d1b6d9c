import { expect, test } from 'vitest'
import { kernelsOf, ptxProblems, registerProblems, sassProblems } from '../../scripts/cuda-gates.mjs'

// The gates of `npm run cuda:images` on texts with one fault each, in the form in which compilers write them.

const log = (name: string, stack: number, spills: number, registers: number) =>
  `ptxas info    : Compiling entry function '${name}' for 'sm_90a'
ptxas info    : Function properties for ${name}
    ${stack} bytes stack frame, ${spills} bytes spill stores, 0 bytes spill loads
ptxas info    : Used ${registers} registers, 8704 bytes smem
`

test('kernels with a stack, spills or too many registers are named', () => {
  const kernels = kernelsOf(log('add', 0, 0, 64) + log('sub', 0, 0, 65) + log('dot', 0, 0, 96) + log('bad', 8, 4, 10))
  const templates = { add: 'Binary', sub: 'Binary', dot: 'Dot', bad: 'Binary' }
  const named = kernels.map((kernel) => ({ ...kernel, template: templates[kernel.name as keyof typeof templates] }))
  expect(registerProblems(named, { default: 64, Dot: 96 })).toEqual([
    'sub must take at most 64 registers (native/cuda/ceilings.json), but it takes 65',
    'bad must not spill, but it spills 4 bytes and has 8 bytes of stack',
  ])
})

const ptx = (name: string, ...instructions: string[]) => `
.visible .entry ${name}(
\t.param .align 8 .b8 ${name}_param_0[32]
)
{
\t.reg .pred \t%p<3>;
\tld.param.u64 \t%rd1, [${name}_param_0];
${instructions.map((text) => `\t${text};`).join('\n')}
\tret;
}
`
const wait = ['// begin inline asm\n\tgriddepcontrol.wait', 'griddepcontrol.launch_dependents']
const weights = 'ld.global.nc.L1::no_allocate.v4.u32 {%r1, %r2, %r3, %r4}, [%rd1]'

test('PTX that touches what others write before it has waited is named', () => {
  expect(ptxProblems(ptx('right', weights, ...wait, 'ld.global.f32 \t%f1, [%rd1]'), true)).toEqual([])
  expect(ptxProblems(ptx('early', '@%p1 ld.global.f32 \t%f1, [%rd1]', ...wait), true)).toEqual([
    'early must wait for earlier kernels before it runs `ld.global.f32 \t%f1, [%rd1]`',
  ])
  expect(ptxProblems(ptx('writes', 'st.global.f32 \t[%rd1], %f1', ...wait), true)).toHaveLength(1)
  expect(ptxProblems(ptx('generic', 'ld.u32 \t%r1, [%rd1]', ...wait), true)).toHaveLength(1)
  expect(ptxProblems(ptx('never', 'ld.shared.f32 \t%f1, [%r1]'), true)).toEqual([
    'never must wait for earlier kernels, but it does not',
  ])
  expect(ptxProblems(ptx('swapped', wait[1]!, wait[0]!), true)).toEqual([
    'swapped must let the next kernel begin behind its own wait, but it does so before',
  ])
  expect(ptxProblems(ptx('older', 'ld.global.f32 \t%f1, [%rd1]'), false)).toEqual([])
})

test('PTX that reads anything but weights as read-only data is named', () => {
  const text = ptx('cached', ...wait, 'ld.global.nc.f32 \t%f1, [%rd1]') + ptx('streamed', ...wait, weights)
  expect(ptxProblems(text, true)).toEqual([
    'cached must read nothing but streamed weights as read-only data, but it runs `ld.global.nc.f32 \t%f1, [%rd1]`',
  ])
})

const sass = (name: string, ...instructions: string[]) =>
  `.text.${name}:\n${instructions.map((text, at) => `        /*${(16 * at).toString(16).padStart(4, '0')}*/                   ${text} ;\n`).join('')}`

test('machine code out of order, in local memory or without what it must run is named', () => {
  const right = ['LDG.E.NA.128.CONSTANT R4, [R2.64]', 'ACQBULK', 'PREEXIT', '@!P0 LDG.E R8, [R6.64]', 'EXIT']
  const check = (...instructions: string[]) =>
    sassProblems(sass('dot_float32', ...instructions), true, () => 'Dot', {
      must: { Dot: ['LDG\\.E\\.\\S*128'] },
    })
  expect(check(...right)).toEqual([])
  expect(check('@!P0 STG.E [R6.64], R8', ...right)).toEqual([
    'dot_float32 must wait for earlier kernels before it runs `STG.E [R6.64], R8`',
  ])
  expect(check(...right, 'STL [R1], R2')).toEqual(['dot_float32 must not use local memory, but it runs `STL [R1], R2`'])
  expect(check(...right.slice(1))).toEqual(['dot_float32 must run LDG\\.E\\.\\S*128, but it does not'])
})

test('a loop that grew is named', () => {
  const loop = ['LDS R4, [R2]', 'FFMA R1, R2, R3, R4', 'FFMA R1, R2, R3, R4', '@P0 BRA `(.L_x_2)']
  const text = sass('dot_float32', 'MOV R1, R2', '@P1 BRA `(.L_x_9)', ...loop, 'EXIT').replace(
    /( +\/\*0020\*)/,
    '.L_x_2:\n$1',
  )
  const check = (of: string, most: number) => sassProblems(text, false, () => 'Dot', { loops: { Dot: { of, most } } })
  expect(check('FFMA', 4)).toEqual([])
  expect(check('FFMA', 3)).toEqual(['dot_float32 must have a loop of FFMA of at most 3 instructions, but it has 4'])
  const each = (most: number) =>
    sassProblems(text, false, () => 'Dot', {
      loops: { Dot: { of: 'HMMA', most: 9 }, dot_float32: { of: 'FFMA', each: most } },
    })
  expect(each(2)).toEqual([])
  expect(each(1.5)).toEqual(['dot_float32 must have a loop of FFMA of at most 3 instructions, but it has 4'])
  expect(check('HMMA', 9)).toEqual(['dot_float32 must have a loop of HMMA of at most 9 instructions, but it has none'])
})
