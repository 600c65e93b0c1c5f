// Uses the TypeScript client in Node: node node.mjs URL DIGEST, in a folder where the package is installed.

import { createInterface } from 'node:readline';
import * as client from '@guildhall/client';
import { run } from './scenario.mjs';

const [, , url, digest] = process.argv;
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const ask = async (question) => { console.log(question); await answers.next(); };
await run(client, url, digest, ask, (text) => console.log(`ok: ${text}`));
process.exit(0);
