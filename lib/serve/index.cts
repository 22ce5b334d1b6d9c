// dist/serve/index.cjs: the same modules for `require`. Node 20.19 and later load them as they are.
export * from './index.js'
