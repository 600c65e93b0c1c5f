// Runs the examples of a README: node readme.mjs README URL [PYTHON]

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [, , readme, url, python] = process.argv;
const language = python ? 'python' : 'js';
const examples = [...readFileSync(readme, 'utf8').matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, 'g'))];
if (examples.length < 3) throw new Error(`${readme} has ${examples.length} examples in ${language}`);
for (const [at, [, text]] of examples.entries()) {
  const file = join(import.meta.dirname, `example-${at}.${python ? 'py' : 'mjs'}`);
  writeFileSync(file, text.replaceAll('http://localhost:8880', url));
  const [program, ...options] = python ? [python] : [process.execPath, ...process.execArgv];
  const printed = execFileSync(program, [...options, file], { encoding: 'utf8', timeout: 60_000 });
  if (printed.trim() === '') throw new Error(`example ${at} prints nothing`);
  console.log(`ok: example ${at}: ${printed.trim().split('\n').join(' | ')}`);
}
