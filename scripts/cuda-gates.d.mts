/** Types of cuda-gates.mjs for its test. */
export interface Kernel {
  readonly name: string
  readonly registers: number
  readonly stack: number
  readonly spills: number
}
type Ceilings = { readonly default: number } & Readonly<Record<string, number>>
export function kernelsOf(log: string): Kernel[]
export function registerProblems(
  kernels: readonly (Kernel & { readonly template: string })[],
  ceilings: Ceilings,
): string[]
export function ptxProblems(text: string, early: boolean): string[]
export function sassProblems(
  text: string,
  early: boolean,
  templateOf: (kernel: string) => string,
  rules: {
    readonly must?: Readonly<Record<string, readonly string[]>>
    readonly loops?: Readonly<Record<string, { readonly of: string; readonly most?: number; readonly each?: number }>>
  },
): string[]
