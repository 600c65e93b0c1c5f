// What the steps share: the browser, the host under test, what must not happen on any page, and how a page is looked at.
//
// The caller controls the host over standard output and input: see `console.mjs`. With the variable CONSOLE, the files of the
// console are read from that folder instead of from the host, so that a change is tried without a build of the host.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export const [, , url, files, pictures] = process.argv;
export const ECHO = 'rustic_ai.core.agents.testutils.echo_agent.EchoAgent';
export const XSS = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>';

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
/** Asks the caller to do something with the host, and waits until it is done. */
const ask = async (question) => { console.log(question); assert.equal((await answers.next()).value, 'ok'); };

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  // Files that are read from a folder have no address of this machine, and may then not open sockets to it.
  args: ['--no-sandbox', ...(process.env.CONSOLE ? ['--disable-features=LocalNetworkAccessChecks'] : [])] });
export const context = await browser.newContext({ acceptDownloads: true, viewport: { width: 1280, height: 800 } });
export const close = () => browser.close();

/** What must not happen on any page. */
const wrong = [];
let isAway = false;
/** Kills the host, does `work`, and starts the host again in the same place. */
export async function killed(work) {
  isAway = true;
  await ask('KILLED?');
  await work();
  await ask('RUNNING?');
}
/** From now on the host is expected to answer. */
export const isBack = () => { isAway = false; };
/** Leaves out what a step has done wrong on purpose. */
export const expectWrong = (pattern) => wrong.splice(0, wrong.length, ...wrong.filter((what) => !pattern.test(what)));

context.on('page', (page) => {
  page.setDefaultTimeout(30_000);
  page.on('pageerror', (error) => wrong.push(`error: ${error.stack}`));
  page.on('console', (message) => {
    const isOutage = isAway && /ERR_CONNECTION|ERR_EMPTY|ERR_INCOMPLETE|WebSocket|Failed to load|Failed to fetch|cannot be reached/.test(message.text());
    const isRefusal = /status of (4\d\d|503)/.test(message.text());
    if (['error', 'warning'].includes(message.type()) && !isOutage && !isRefusal) wrong.push(`${message.type()}: ${message.text()}`);
  });
  page.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (hostname !== new URL(url).hostname && !['data:', 'blob:'].includes(protocol)) wrong.push(`a request to ${request.url()}`);
  });
});
if (process.env.CONSOLE) {
  await context.route(({ pathname }) => /^(\/|\/tools\/guildhall\/|.*\/console\/[\w.]+)$/.test(pathname), async (route) => {
    const name = new URL(route.request().url()).pathname.split('/').pop() || 'index.html';
    const path = join(process.env.CONSOLE, name);
    if (!existsSync(path)) return route.continue();
    // The headers, and the policy among them, are those of the host; a file that it does not have yet gets those of a script.
    const response = await route.fetch({ headers: { ...route.request().headers(), 'if-none-match': '' } }).catch(() => undefined);
    if (!response) return route.abort();
    const headers = { ...response.headers(), 'content-type': { html: 'text/html', css: 'text/css', svg: 'image/svg+xml' }[name.split('.').pop()] ?? 'text/javascript' };
    return route.fulfill({ status: 200, headers, body: readFileSync(path, 'utf8') });
  });
}
export const page = await context.newPage();

export const go = async (hash, at = page) => { await at.goto(`${url}/#/${hash}`); await at.locator('main:not([aria-busy]) h1').waitFor(); };
export const said = (text, at = page) => at.locator('.message', { hasText: text });
export const say = async (text, at = page) => { await at.getByLabel('Message', { exact: true }).fill(text); await at.keyboard.press('Enter'); };
export const press = (name, at = page) => at.getByRole('button', { name, exact: true });
/** Presses a button and says yes to what is asked then. */
export const confirm = async (name) => { await press(name).first().click(); await page.getByRole('dialog').getByRole('button', { name, exact: true }).click(); };
/** Waits until the health of the guild that is shown is this. */
export const health = (text, at = page) => at.locator('h1 + [role=status]', { hasText: new RegExp(`^${text}$`) }).waitFor({ timeout: 60_000 });
/** Chats as another user from now on. */
export async function chatAs(user) {
  await page.getByLabel('Chat as').fill(user);
  await page.keyboard.press('Enter');
  await page.locator('aside li', { hasText: user }).waitFor();
  await health('ok');
}
export const shown = (text) => page.getByText(text).first().waitFor();

export async function call(method, path, body) {
  const ask = () => fetch(url + path, { method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
  // A connection that was kept may be closed by the host at the moment when it is used again; nothing of the request is read then.
  const response = await ask().catch(ask);
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}
export const post = (path, body) => call('POST', path, body);
/** A guild with one echo agent, whose answers go to users as they are or through `transformer`. Returns its id. */
export async function echo(name, transformer) {
  const agent = { name: 'EchoAgent', description: 'Echoes', class_name: ECHO, additional_topics: ['echo_topic'], listen_to_default_topic: false };
  const forward = { agent_type: 'rustic_ai.core.agents.utils.user_proxy_agent.UserProxyAgent', method_name: 'unwrap_and_forward_message', destination: { topics: 'echo_topic' }, route_times: 1 };
  const steps = [forward, { agent_type: ECHO, transformer, destination: { topics: 'user_message_broadcast' }, route_times: 1 }];
  const spec = { name, description: 'A guild of the tests', agents: [agent], dependency_map: { filesystem: { class_name: 'any.FileSystem' } }, ...(transformer && { routes: { steps } }) };
  return (await post('/api/guilds', { org_id: 'o', spec })).id;
}

/** Runs a step and checks that nothing has gone wrong on any page. */
export async function step(name, work) {
  const began = performance.now();
  try {
    await work();
  } catch (error) {
    console.log(`${name}: the page shows\n${(await page.locator('body').innerText()).slice(0, 3_000)}\nwrong so far: ${wrong.join('\n')}`);
    throw error;
  }
  assert.deepEqual(wrong, [], name);
  assert.equal(await page.evaluate(() => window.hit), undefined, `${name}: a text became a script`);
  console.log(`ok: ${name} (${Math.round(performance.now() - began)} ms)`);
}

const axe = readFileSync(join(import.meta.dirname, 'node_modules/axe-core/axe.min.js'), 'utf8');

/** Looks for what a person who hears or types would stumble over, in both colour schemes, on a phone and on a desk. */
export async function accessible(name, { picture, phone } = {}) {
  for (const colorScheme of ['light', 'dark']) {
    for (const [width, height] of [[390, 844], [1440, 900]]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height });
      // The page's policy refuses inline scripts; the debugger's own are let in.
      const session = await context.newCDPSession(page);
      await session.send('Runtime.evaluate', { expression: axe });
      await session.detach();
      const violations = await page.evaluate(async () => (await window.axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`));
      assert.deepEqual(violations, [], `${name}, ${colorScheme}, ${width}`);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      const wide = await page.evaluate(() => [...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('.scroll, pre, svg')).slice(0, 3).map((one) => one.outerHTML.slice(0, 120)));
      assert.ok(overflow <= 0, `${name} is ${overflow} px too wide at ${width}: ${wide.join(' | ')}`);
      if (picture && colorScheme === 'light' && (phone || width > 600)) await drawn(width > 600 ? picture : `${picture}-phone`);
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1280, height: 800 });
}

/** A picture for the documentation, if pictures are wanted. */
async function drawn(name) {
  if (!pictures) return;
  await page.evaluate(() => document.getElementById('notices').replaceChildren());
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}
