/** Every `code` an error of this package can carry, and what it means. */
export const errorCodes = {
  ERR_ABORTED: 'the AbortSignal of the call fired',
  ERR_ARGUMENT: 'an argument has the wrong type or value',
  ERR_BINARY_MISSING: 'no native binary loads on this platform',
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
  ERR_RECORDING: 'the call is not allowed while a plan is recorded',
  ERR_SHAPE: 'an operand has the wrong shape',
  ERR_TOKENIZER_MISSING: 'the model has no tokenizer, so it takes ids only',
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

/** A file that cannot be opened, or whose bytes are not what the format allows. */
export class FormatError extends LophiError {
  readonly file: string
  /** Byte offset of the offending field, where one is known. */
  readonly offset: number | undefined
  constructor(file: string, message: string, offset?: number, code: 'ERR_FORMAT' | 'ERR_FILE' = 'ERR_FORMAT') {
    super(code, offset === undefined ? `${file}: ${message}` : `${file}: at byte ${offset}: ${message}`)
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
  constructor(message: string) {
    super('ERR_TOKENIZER_MISSING', message)
  }
}

/** Builds the class that belongs to `code`; the native addon makes its errors with it. */
export function errorOf(code: ErrorCode, message: string): LophiError {
  switch (code) {
    case 'ERR_ABORTED':
      return new AbortedError(message)
    case 'ERR_DISPOSED':
      return new DisposedError(message)
    case 'ERR_OUT_OF_MEMORY':
      return new OutOfMemoryError(message)
    case 'ERR_DEVICE_ABSENT':
    case 'ERR_DEVICE_LOST':
    case 'ERR_DRIVER':
    case 'ERR_OP_UNSUPPORTED':
      return new DeviceError(code, message)
    case 'ERR_MODEL_UNSUPPORTED':
      return new UnsupportedModelError(message)
    default:
      return new ArgumentError(code, message)
  }
}
