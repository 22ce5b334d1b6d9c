import { Environment, Interpreter, parse, Template, tokenize } from '@huggingface/jinja'
import { ArgumentError, FormatError, UnsupportedModelError } from '../errors.js'

/** Renders with these variables; `size` is what the conversation weighs, for the budget. */
export type RenderTemplate = (variables: Readonly<Record<string, unknown>>, size: TemplateSize) => string

export interface TemplateSize {
  readonly messages: number
  readonly characters: number
}

// the library's own declarations of these do not resolve
interface Node {
  readonly type: string
  readonly iterable?: Node & { readonly lhs?: Node }
  readonly filter?: Node
  readonly callee?: Node & { readonly property?: Node; readonly value?: string }
  readonly value?: unknown
}
interface Value {
  readonly type: string
  readonly value: unknown
}
interface Scope {
  set(name: string, value: unknown): void
}
interface Evaluator {
  run(program: Node): Value
  evaluate(node: Node | undefined, scope: Scope): Value
}
const NewScope = Environment as unknown as new () => Scope
const Base = Interpreter as unknown as new (scope: Scope) => Evaluator
const parseNode = parse as unknown as (tokens: unknown) => Node

// a template is a program of somebody else's: these are far above any that is published
const longestSource = 2 ** 18
const longestBlank = 1000
const longestProduct = 2 ** 26
const budgetOf = ({ messages, characters }: TemplateSize) => 1_000_000 + 20_000 * messages + 4 * characters

class BudgetError extends UnsupportedModelError {}

/** What is known of a node while it is evaluated: the two largest of the values that it is made of. */
interface Frame {
  readonly expands: boolean
  largest: number
  second: number
}

/** Whether a node makes a text that may be as long as two of its operands multiplied. */
function expands({ type, filter, callee }: Node): boolean {
  const called = type === 'FilterExpression' || type === 'FilterStatement' ? filter?.callee : callee
  const name = called?.property?.value ?? called?.value
  return name === 'replace' || name === 'join' || name === 'indent' || name === 'tojson'
}

/** Characters, items, or a number itself, such as the width of an indent. */
function sizeOf({ type, value }: Value, { largest }: Frame): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length
  if (type === 'FunctionValue') return largest // a method: as large as its object
  return typeof value === 'number' ? value : 0
}

/** Counts what it does, in steps of some tenths of a microsecond, and ends when its budget is spent. */
class BoundedInterpreter extends Base {
  readonly #macro: number
  readonly #iterated = new WeakSet<Node>()
  readonly #budget: number
  #spent = 0
  #depth = 0
  #frame: Frame = { expands: false, largest: 0, second: 0 }

  constructor(scope: Scope, budget: number, sourceLength: number) {
    super(scope)
    this.#budget = budget
    this.#macro = sourceLength / 2
  }

  #spend(steps: number): void {
    this.#spent += steps
    if (this.#spent > this.#budget)
      throw new BudgetError(`chat template: must render in ${this.#budget} steps, but takes more`)
  }

  override evaluate(node: Node | undefined, scope: Scope): Value {
    if (node === undefined) return super.evaluate(node, scope)
    // the names in a macro are looked for in all of it, and a variable in all scopes around it
    this.#spend((node.type === 'Macro' || node.type === 'CallStatement' ? this.#macro : 1) + this.#depth / 32)
    if (node.iterable) this.#iterated.add(node.iterable).add(node.iterable.lhs ?? node.iterable)
    const outer = this.#frame
    const frame = { expands: expands(node), largest: 0, second: 0 }
    this.#frame = frame
    this.#depth++
    let value: Value
    try {
      value = super.evaluate(node, scope)
    } finally {
      this.#frame = outer
      this.#depth--
    }
    const size = sizeOf(value, frame)
    if (size >= outer.largest) {
      outer.second = outer.largest
      outer.largest = size
    } else outer.second = Math.max(outer.second, size)
    if (outer.expands && outer.largest * outer.second > longestProduct)
      throw new BudgetError(`chat template: must make texts of at most ${longestProduct} characters`)
    this.#spend(this.#costOf(node, value, size))
    return value
  }

  #costOf(node: Node, value: Value, size: number): number {
    if (value.type === 'StringValue') return size / 16
    if (value.type === 'UndefinedValue') return 50 // the library looks for a variable by an exception
    if (!Array.isArray(value.value)) return 0
    if (this.#iterated.has(node)) return size * 16 // a scope for each round
    return node.type === 'FilterExpression' || node.type === 'CallExpression' ? size * 4 : size / 4
  }
}

// that of Jinja's sandbox, in which Hugging Face renders templates
const maxRange = 100_000

/** Jinja's range, which gives no more than the memory holds. */
function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second]
  const count = Math.max(Math.ceil((stop - start) / step), 0)
  if (count <= maxRange) return Array.from({ length: count }, (_, i) => start + i * step)
  throw new Error(`range() must give at most ${maxRange} numbers, but gives ${count}`)
}

const today = new Template('{{ strftime_now(format) }}')

const globals = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  range,
  raise_exception(message: string): never {
    throw new Error(message)
  },
  strftime_now: (format: string) => today.render({ format }),
}

function parseTemplate(text: string): Node {
  // as Jinja reads sources
  const source = text.replace(/\r\n?/g, '\n')
  if (source.length > longestSource)
    throw new UnsupportedModelError(
      `chat template: must have at most ${longestSource} characters, but has ${source.length}`,
    )
  // the library's lexer takes time with the square of these
  if (source.match(/\s+/g)?.some((blank) => blank.length > longestBlank))
    throw new UnsupportedModelError(`chat template: must have at most ${longestBlank} blanks in a row, but has more`)
  try {
    return parseNode(tokenize(source, { lstrip_blocks: true, trim_blocks: true }))
  } catch (error) {
    throw new FormatError('chat template', error instanceof Error ? error.message : String(error))
  }
}

/** A template of Jinja, read when it is first rendered. */
export function readTemplate(source: string): RenderTemplate {
  let program: Node | undefined
  return (variables, size) => {
    program ??= parseTemplate(source)
    const scope = new NewScope()
    for (const [name, value] of Object.entries({ ...globals, ...variables })) scope.set(name, value)
    try {
      return new BoundedInterpreter(scope, budgetOf(size), source.length).run(program).value as string
    } catch (error) {
      if (error instanceof BudgetError) throw error
      throw new ArgumentError(
        'ERR_ARGUMENT',
        `chat template: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  }
}
