// Uses the console of a running host in a real browser, as a person would.
//
// node console.mjs URL FILES [PICTURES]: FILES has hostile.wasm; the pictures of docs/console.md are written to PICTURES. At
// `KILLED?` and `RUNNING?` on standard output the caller kills the host and starts it again in the same place, and says `ok`
// on standard input.

import { close } from './harness.mjs';

for (const area of ['flow', 'formats', 'components', 'faults', 'injection', 'quality', 'many', 'network']) await import(`./${area}.mjs`);
await close();
console.log('all is well');
process.exit(0);
