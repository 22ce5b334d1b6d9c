/** Every `code` an error of this package can carry, and what it means. */
export const errorCodes = {
  ERR_ABORTED: 'the AbortSignal of the call fired',
  ERR_ARGUMENT: 'an argument has the wrong type or value',
  ERR_BINARY_MISSING: 'no native binary loads on this platform',
  ERR_BUSY: 'the object is at work; one call at a time',
  ERR_CHECKSUM: 'a download is not what the server announced',
  ERR_CONTEXT_OVERFLOW: 'more tokens than the context holds',
  ERR_DEVICE_ABSENT: 'the named device does not exist on this machine',
  ERR_DEVICE_LOST: 'the device stopped answering; open it again',
  ERR_DRIVER: 'a call of the device driver failed',
  ERR_DISPOSED: 'the object was disposed',
  ERR_DOWNLOAD: 'the hub cannot be reached, refuses, or lacks the model; offline: the cache lacks it',
  ERR_DTYPE: 'an operand has the wrong dtype',
  ERR_FILE: 'a file is missing or cannot be read or written',
  ERR_FORMAT: 'a file is damaged, truncated or not what its name says',
  ERR_MODEL_UNSUPPORTED: 'the file is intact, but its architecture or a tensor type is not supported',
  ERR_OP_UNSUPPORTED: 'the device does not implement the op',
  ERR_OUT_OF_MEMORY: 'the device or the machine has no memory left',
  ERR_OUT_OF_RANGE: 'an id, index or position is outside its range',
  ERR_QUEUE_FULL: 'as many requests wait as the queue takes',
  ERR_RECORDING: 'the call is not allowed while a plan is recorded',
  ERR_SHAPE: 'an operand has the wrong shape',
  ERR_TOKENIZER_MISSING: 'the model has no tokenizer that can be read, so it takes ids only',
} as const

export type ErrorCode = keyof typeof errorCodes

/** The base of every error that this package throws on purpose. */
export class LophiError extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

export class AbortedError extends LophiError {
  constructor(message = 'aborted', options?: ErrorOptions) {
    super('ERR_ABORTED', message, options)
  }
}
/** An argument, operand, shape, dtype or index that a call cannot take. */
export class ArgumentError extends LophiError {}
export class BinaryMissingError extends LophiError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_BINARY_MISSING', message, options)
  }
}
/** A call on an object that another call is at work on. */
export class BusyError extends LophiError {
  constructor(message: string) {
    super('ERR_BUSY', message)
  }
}
/** A device that is absent, lost, lacks an op, or whose driver refused a call. */
export class DeviceError extends LophiError {}
export class DisposedError extends LophiError {
  constructor(message: string) {
    super('ERR_DISPOSED', message)
  }
}
/** A model that cannot be had by its name. */
export class DownloadError extends LophiError {
  /** The HTTP status, where the server answered. */
  readonly status: number | undefined
  constructor(message: string, { status, code = 'ERR_DOWNLOAD', ...options }: DownloadErrorOptions = {}) {
    super(code, message, options)
    this.status = status
  }
}
interface DownloadErrorOptions extends ErrorOptions {
  readonly status?: number
  readonly code?: 'ERR_DOWNLOAD' | 'ERR_CHECKSUM'
}
export class OutOfMemoryError extends LophiError {
  constructor(message: string) {
    super('ERR_OUT_OF_MEMORY', message)
  }
}

/** A request that is refused because too many wait already: it may be made again later. */
export class QueueFullError extends LophiError {
  constructor(message: string) {
    super('ERR_QUEUE_FULL', message)
  }
}

/** A file that cannot be opened, or whose bytes are not what the format allows. */
export class FormatError extends LophiError {
  readonly file: string
  /** Byte offset of the offending field, where one is known. */
  readonly offset: number | undefined
  constructor(file: string, message: string, offset?: number, code: 'ERR_FORMAT' | 'ERR_FILE' = 'ERR_FORMAT') {
    super(code, [...(file ? [file] : []), ...(offset === undefined ? [] : [`at byte ${offset}`]), message].join(': '))
    this.file = file
    this.offset = offset
  }
}
/** An intact model that this package does not run; says what is missing. */
export class UnsupportedModelError extends LophiError {
  constructor(message: string) {
    super('ERR_MODEL_UNSUPPORTED', message)
  }
}
export class TokenizerError extends LophiError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_TOKENIZER_MISSING', message, options)
  }
}

type Build = (message: string, file: string) => LophiError
const argument =
  (code: ErrorCode): Build =>
  (message) =>
    new ArgumentError(code, message)
const device =
  (code: ErrorCode): Build =>
  (message) =>
    new DeviceError(code, message)

/** The class of every code, whichever side of the addon notices first. */
const classes: { readonly [C in ErrorCode]: Build } = {
  ERR_ABORTED: (message) => new AbortedError(message),
  ERR_ARGUMENT: argument('ERR_ARGUMENT'),
  ERR_BINARY_MISSING: (message) => new BinaryMissingError(message),
  ERR_BUSY: (message) => new BusyError(message),
  ERR_CHECKSUM: (message) => new DownloadError(message, { code: 'ERR_CHECKSUM' }),
  ERR_CONTEXT_OVERFLOW: argument('ERR_CONTEXT_OVERFLOW'),
  ERR_DEVICE_ABSENT: device('ERR_DEVICE_ABSENT'),
  ERR_DEVICE_LOST: device('ERR_DEVICE_LOST'),
  ERR_DISPOSED: (message) => new DisposedError(message),
  ERR_DOWNLOAD: (message) => new DownloadError(message),
  ERR_DRIVER: device('ERR_DRIVER'),
  ERR_DTYPE: argument('ERR_DTYPE'),
  ERR_FILE: (message, file) => new FormatError(file, message, undefined, 'ERR_FILE'),
  ERR_FORMAT: (message, file) => new FormatError(file, message),
  ERR_MODEL_UNSUPPORTED: (message) => new UnsupportedModelError(message),
  ERR_OP_UNSUPPORTED: device('ERR_OP_UNSUPPORTED'),
  ERR_OUT_OF_MEMORY: (message) => new OutOfMemoryError(message),
  ERR_OUT_OF_RANGE: argument('ERR_OUT_OF_RANGE'),
  ERR_QUEUE_FULL: (message) => new QueueFullError(message),
  ERR_RECORDING: argument('ERR_RECORDING'),
  ERR_SHAPE: argument('ERR_SHAPE'),
  ERR_TOKENIZER_MISSING: (message) => new TokenizerError(message),
}

/**
 * An error of the class that belongs to `code`; the addon makes its errors with it. `file` begins the message where one is the matter.
 * `stack`: of the call that failed, where the error comes later.
 */
export function errorOf(code: ErrorCode, message: string, file = '', stack = ''): LophiError {
  const text = file && message.startsWith(`${file}: `) ? message.slice(file.length + 2) : message
  const error = classes[code](text, file)
  if (!stack) return error
  const cause = new Error('the call was made here')
  cause.stack = `${cause}\n${stack}`
  return Object.defineProperty(error, 'cause', { value: cause, configurable: true, writable: true })
}
