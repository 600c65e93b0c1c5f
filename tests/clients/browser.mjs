// Uses the TypeScript client in chromium, from a page of a development server: node browser.mjs URL DIGEST, in a folder
// where the package is installed.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const [, , url, digest] = process.argv;
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
const page = await browser.newPage();
page.on('pageerror', (error) => { console.log(`error: ${error.stack}`); process.exitCode = 1; });
await page.exposeFunction('ask', async (question) => { console.log(question); await answers.next(); });
await page.exposeFunction('say', (text) => console.log(`ok: ${text}`));
const folders = { '/client/': join(import.meta.dirname, 'node_modules/@guildhall/client/dist/'), '/': `${import.meta.dirname}/` };
const server = createServer((request, answer) => {
  if (request.url === '/') return answer.setHeader('content-type', 'text/html').end('<!doctype html><link rel="icon" href="data:,"><title>A page</title>');
  const [prefix, folder] = Object.entries(folders).find(([start]) => request.url.startsWith(start));
  answer.setHeader('content-type', 'text/javascript').end(readFileSync(folder + request.url.slice(prefix.length)));
});
await new Promise((resolve) => server.listen(0, 'localhost', resolve));
await page.goto(`http://localhost:${server.address().port}/`);
await page.evaluate(async ({ url, digest }) => {
  const [client, { run }] = [await import('/client/index.js'), await import('/scenario.mjs')];
  await run(client, url, digest, window.ask, window.say);
}, { url, digest });
await browser.close();
process.exit();
