/** What can be written: containers, and the types of their matrices. Needs no addon, so that a command line can ask. */
import { extname } from 'node:path'
import { ArgumentError } from '../errors.js'
import { checkOptions, described } from '../options.js'

export const containers = {
  gguf: ['f32', 'f16', 'bf16', 'q8_0', 'q4_0', 'q4_1', 'q5_0', 'q5_1'],
  safetensors: ['f32', 'f16', 'bf16'],
  onnx: ['f32', 'f16', 'int4'],
} as const
export type Container = keyof typeof containers
export type ConvertType = (typeof containers)[Container][number]
export const containerNames = Object.keys(containers) as readonly Container[]
export const convertTypes: readonly ConvertType[] = [...new Set(Object.values(containers).flat())]

/** Columns of a row that share a scale in int4. */
export const blockSizes = [32, 128] as const
export type BlockSize = (typeof blockSizes)[number]

export interface ConvertOptions {
  readonly type: ConvertType
  /** Default: what the output's name ends with. */
  readonly to?: Container | undefined
  /** int4 only; default 32. */
  readonly block?: BlockSize | undefined
  /** int4 only: with zero points. */
  readonly asymmetric?: boolean | undefined
  /** Replaces files that exist; those of the input never. */
  readonly overwrite?: boolean | undefined
  /** Most bytes of tensors in one file of a safetensors folder; default 5 GB. */
  readonly shardBytes?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Called after each piece with bytes written so far and in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** A matrix that did not take the type. */
export interface Kept {
  readonly name: string
  readonly dtype: string
  readonly reason: string
}

export interface ConvertResult {
  readonly input: string
  readonly output: string
  readonly format: Container
  readonly type: ConvertType
  /** Of all files together. */
  readonly bytes: number
  readonly tensors: number
  readonly files: readonly string[]
  readonly kept: readonly Kept[]
}

/** Options with their defaults, checked against each other; `output` decides where `to` does not. */
export interface Target {
  readonly to: Container
  readonly type: ConvertType
  readonly block: BlockSize
  readonly asymmetric: boolean
}

function wrong(message: string): ArgumentError {
  return new ArgumentError('ERR_ARGUMENT', `convert: ${message}`)
}

export function targetOf(output: string, options: ConvertOptions): Target {
  if (typeof output !== 'string' || output === '') throw wrong(`output must be a path, but is ${described(output)}`)
  checkOptions('convert', options, {
    type: true,
    to: true,
    block: true,
    asymmetric: true,
    overwrite: true,
    shardBytes: true,
    signal: true,
    onProgress: true,
  })
  const { type, to, block, asymmetric } = options
  const container = to ?? containerOf(output)
  if (!Object.hasOwn(containers, container))
    throw wrong(`to must be one of ${containerNames.join(', ')}, but is ${container}`)
  const types: readonly string[] = containers[container]
  if (!types.includes(type)) throw wrong(`type for ${container} must be one of ${types.join(', ')}, but is ${type}`)
  if (block !== undefined && !blockSizes.includes(block))
    throw wrong(`block must be one of ${blockSizes.join(', ')}, but is ${block}`)
  if (type !== 'int4' && (block !== undefined || asymmetric))
    throw wrong(`block and asymmetric belong to type int4, but type is ${type}`)
  return { to: container, type, block: block ?? 32, asymmetric: asymmetric ?? false }
}

/** A name without an extension is a folder, and that does not tell what shall be in it. */
function containerOf(output: string): Container {
  const extension = extname(output).slice(1).toLowerCase()
  if (Object.hasOwn(containers, extension)) return extension as Container
  throw wrong(`to must be given for a folder (${containerNames.join(', ')}), but is not; ${output} names no container`)
}
