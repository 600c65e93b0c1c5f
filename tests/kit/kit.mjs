// Shows messages of a running host with the React kit: node kit.mjs URL

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const [, , url] = process.argv;
const { outputFiles: [bundle] } = await build({
  entryPoints: [join(import.meta.dirname, 'page.jsx')], bundle: true, write: false, jsx: 'automatic', outdir: '/', logLevel: 'error',
  define: { global: 'globalThis', 'process.env.NODE_ENV': '"production"' }, loader: { '.css': 'empty' },
  alias: { 'pdfjs-dist': join(import.meta.dirname, 'no-pdf.mjs') },
});
const agent = { name: 'EchoAgent', description: 'Echoes', class_name: 'rustic_ai.core.agents.testutils.echo_agent.EchoAgent' };
const answer = await fetch(`${url}/api/guilds`, {
  method: 'POST', headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ org_id: 'acme', spec: { name: 'Kit', description: 'A guild of the tests', agents: [agent] } }),
});
const { id } = await answer.json();
const socketUrl = `${url.replace('http', 'ws')}/ws/guilds/${id}/usercomms/ann/Ann?dialect=ui`;

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
const page = await browser.newPage();
const wrong = [];
page.on('pageerror', (error) => wrong.push(error.stack));
page.on('console', (message) => ['error', 'warning'].includes(message.type()) && wrong.push(message.text()));
await page.addInitScript((socketUrl) => { window.socketUrl = socketUrl; }, socketUrl);
const server = createServer((request, answer) => {
  const isScript = request.url.endsWith('.js');
  answer.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
  answer.end(isScript ? bundle.contents : '<!doctype html><link rel="icon" href="data:,"><div id="root"></div><script src="/page.js"></script>');
});
await new Promise((resolve) => server.listen(0, 'localhost', resolve));
await page.goto(`http://localhost:${server.address().port}/`);
await page.waitForFunction(() => window.isOpen);

// Another socket of the same user: its messages are shown too, and so are the answers of the agent.
const other = new WebSocket(socketUrl);
await new Promise((resolve) => { other.onopen = resolve; });
const say = (format, data) => other.send(JSON.stringify({ format, data }));
say('TextFormat', { text: 'A text of Ann' });
say('TableFormat', { title: 'Numbers', headers: [{ dataKey: 'n', label: 'Number' }], data: [{ n: 41 }, { n: 42 }] });
say('FilesWithTextFormat', { text: 'Two files', files: [{ name: 'a.txt', url: '/a.txt' }, { name: 'b.txt', url: '/b.txt' }] });
await page.evaluate(() => window.send('no JSON'));
await page.getByText('the frame is not JSON').waitFor();
for (const text of ['A text of Ann', 'Echo: A text of Ann', 'Two files', 'b.txt', 'Numbers', '42'])
  await page.getByText(text, { exact: true }).first().waitFor();
const shown = await page.locator('body').innerText();
const year = new Date().toLocaleString('en-US', { month: 'short', day: 'numeric' });
assert.ok(shown.includes(year) && !shown.includes('Invalid'), `the dates of messages: ${shown}`);
assert.deepEqual(wrong, []);
console.log('ok: texts, tables, files, errors and dates are shown');
await browser.close();
process.exit();
