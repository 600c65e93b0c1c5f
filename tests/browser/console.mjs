// Uses the console of a running host in a real browser, as a person would.
//
// node console.mjs URL FILES: FILES has hostile.wasm. At `KILLED?` and `RUNNING?` on standard output the caller kills the
// host and starts it again in the same place, and says `ok` on standard input.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [, , url, files, pictures] = process.argv;
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const ask = async (question) => { console.log(question); assert.equal((await answers.next()).value, 'ok'); };

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
const context = await browser.newContext({ acceptDownloads: true });
const page = await context.newPage();
page.setDefaultTimeout(30_000);

/** What must not happen on any page. */
const wrong = [];
let isAway = false;
page.on('pageerror', (error) => wrong.push(`error: ${error.stack}`));
page.on('console', (message) => {
  const isOutage = isAway && /ERR_CONNECTION|WebSocket|Failed to load|Failed to fetch|cannot be reached/.test(message.text());
  const isRefusal = /status of (4\d\d|503)/.test(message.text());
  if (['error', 'warning'].includes(message.type()) && !isOutage && !isRefusal) wrong.push(`${message.type()}: ${message.text()}`);
});
page.on('request', (request) => {
  const { origin, protocol } = new URL(request.url());
  if (origin !== new URL(url).origin && !['data:', 'blob:'].includes(protocol)) wrong.push(`a request to ${request.url()}`);
});

const go = async (hash) => { await page.goto(`${url}/#/${hash}`); await page.locator('main:not([aria-busy]) h1').waitFor(); };
const said = (text) => page.locator('.message', { hasText: text });
const say = async (text) => { await page.getByLabel('Message', { exact: true }).fill(text); await page.keyboard.press('Enter'); };
const press = (name) => page.getByRole('button', { name, exact: true });
const post = async (path, body) => {
  const response = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  assert.ok(response.ok, `${path}: ${response.status} ${response.ok ? '' : await response.clone().text()}`);
  return response.json();
};
const step = async (name, work) => {
  const began = performance.now();
  await work();
  assert.deepEqual(wrong, [], name);
  console.log(`ok: ${name} (${Math.round(performance.now() - began)} ms)`);
};

const axe = readFileSync(join(import.meta.dirname, 'node_modules/axe-core/axe.min.js'), 'utf8');
/** Looks for what a person who hears or types would stumble over, in both colour schemes, on a phone and on a desk. */
async function accessible(name) {
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
      if (pictures && width === 1440) await page.screenshot({ path: join(pictures, `${name}-${colorScheme}.png`) });
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1280, height: 800 });
}

const XSS = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>';
let guild;

await step('an empty host says what to do', async () => {
  await page.goto(url);
  await page.getByText('No guild runs on this host yet').waitFor();
  await accessible('guilds-empty');
});

await step('a blueprint is made, with its mistakes named by line, and launched', async () => {
  await go('blueprints/new');
  await press('Make the category General').click();
  await page.getByText('The category is made').waitFor();
  const text = page.getByLabel('Blueprint, as JSON');
  const right = await text.inputValue();
  await text.fill(right.replace('"exposure": "public"', '"exposure": "everybody"'));
  await press('Create').click();
  await page.locator('.problem', { hasText: /body\.exposure \(line \d+\)/ }).waitFor();
  await accessible('blueprint-refused');
  const blueprint = JSON.parse(right);
  blueprint.name = `Echo ${XSS}`;
  blueprint.spec.dependency_map = { filesystem: { class_name: 'any.FileSystem' } };
  await text.fill(JSON.stringify(blueprint, null, 2));
  await press('Create').click();
  await page.getByRole('heading', { name: 'Launch a guild' }).waitFor();
  await page.getByLabel('Name *').fill('Demo guild');
  await accessible('blueprint');
  await press('Launch').click();
  await page.getByRole('log', { name: 'Messages' }).waitFor();
  guild = decodeURIComponent(new URL(page.url()).hash.split('/')[2]);
});

await step('a user chats, and what is said is text, whatever it is', async () => {
  await page.getByRole('status').filter({ hasText: 'ok' }).first().waitFor();
  await say('hello');
  await said('Echo: hello').waitFor();
  await say(`**bold** ${XSS}`);
  await said('Echo: bold').locator('strong').waitFor();
  assert.equal(await page.evaluate(() => window.hit), undefined);
  await accessible('chat');
});

await step('every format is shown', async () => {
  const shown = await page.evaluate(async (html) => {
    const { show } = await import('./console/show.js');
    const replies = [];
    let dangers = 0;
    const of = (format, payload) => {
      const box = document.createElement('div');
      box.append(...[show(format, payload, { guild: 'g', reply: (...reply) => replies.push(reply) })].flat(9).filter(Boolean));
      document.body.append(box);
      for (const button of box.querySelectorAll('button[type=button]')) button.click();
      const field = box.querySelector('input[name=n]');
      if (field) {
        box.querySelector('form').requestSubmit();
        field.value = '7';
        box.querySelector('form').requestSubmit();
      }
      dangers += box.querySelectorAll('script, [onerror], a[href^="javascript" i]').length;
      const { innerHTML } = box;
      box.remove();
      return innerHTML;
    };
    const name = (short) => `rustic_ai.core.ui_protocol.types.${short}`;
    const out = {
      text: of('text', { text: `# Title\n\n- one\n- two\n\n\`code\` [site](https://a.example) ${html}` }),
      link: of('text', { text: '[no](javascript:alert(1))' }),
      code: of(name('CodeFormat'), { code: html, language: 'html' }),
      table: of(name('TableFormat'), { data: [{ a: 1, b: html }], headers: [{ dataKey: 'a', label: 'A' }, { dataKey: 'b' }] }),
      image: of(name('ImageFormat'), { src: 'pic.png', alt: 'A picture' }),
      foreign: of(name('ImageFormat'), { src: 'https://a.example/x.png', alt: 'Elsewhere' }),
      audio: of(name('AudioFormat'), { src: 'a.ogg', transcript: 'words' }),
      files: of(name('FilesWithTextFormat'), { files: [{ name: html, url: 'javascript:alert(1)' }, { name: 'b.txt' }], text: 'two' }),
      question: of(name('QuestionFormat'), { title: 'Which?', options: ['one', 2] }),
      form: of(name('FormFormat'), { schema: { properties: { n: { type: 'integer', minimum: 1 }, b: { type: 'boolean' } }, required: ['n'] } }),
      vega: of(name('VegaLiteFormat'), { spec: { mark: 'bar' } }),
      mermaid: of(name('MermaidFormat'), { diagram: 'graph TD; a-->b' }),
      error: of('x.ErrorMessage', { error_type: 'FUEL', error_message: 'too much', limit: 5, value: 9, setting: 'sandbox.fuel' }),
      other: of('my.Own', { deep: [html] }),
      broken: of(name('TableFormat'), { data: 'no' }),
    };
    return { out, replies, dangers };
  }, XSS);
  const { out, replies, dangers } = shown;
  assert.match(out.text, /<h3>Title<\/h3><ul><li>one<\/li><li>two<\/li><\/ul>/);
  assert.match(out.text, /<a href="https:\/\/a\.example" rel="noopener noreferrer" target="_blank">site<\/a>/);
  assert.equal(dangers, 0, 'nothing becomes a script');
  assert.match(out.table, /<th scope="col" class="number">A<\/th>/);
  assert.match(out.image, /<img src="[^"]*\/api\/guilds\/g\/files\/pic\.png" alt="A picture"/);
  assert.ok(!out.foreign.includes('<img') && out.foreign.includes('https://a.example/x.png'), 'a foreign picture is a link');
  assert.match(out.audio, /<audio[^>]* src="[^"]*\/files\/a\.ogg"/);
  assert.match(out.error, /limit 5 · value 9 · setting sandbox\.fuel/);
  assert.match(out.other, /my\.Own/);
  assert.deepEqual(replies, [['questionResponse', { data: 'one' }], ['formResponse', { n: 7, b: false }]]);
  wrong.splice(0, wrong.length, ...wrong.filter((what) => !what.includes('not what its format says') && !/files\/(pic\.png|a\.ogg)/.test(what)));
});

await step('a file goes up and comes down', async () => {
  const path = join(files, 'note.txt');
  writeFileSync(path, 'what is in it');
  await page.locator('.compose input[type=file]').setInputFiles(path);
  const file = said('note.txt').getByRole('link', { name: 'note.txt' }).first();
  await file.waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), file.click()]);
  assert.equal(readFileSync(await download.path(), 'utf8'), 'what is in it');
});

await step('the guild is looked into', async () => {
  for (const [tab, what] of [['agents', 'EchoAgent'], ['graph', 'In words'], ['events', 'Events are shown'], ['dead-letters', 'There are no dead letters'], ['logs', 'Level'], ['spec', 'Launched from the blueprint']]) {
    await go(`guilds/${guild}/${tab}`);
    await page.getByText(what).first().waitFor();
    await accessible(`guild-${tab}`);
  }
});

await step('a component is refused with words, and another one is taken', async () => {
  await go('components');
  const bad = join(files, 'bad.wasm');
  writeFileSync(bad, 'no component');
  await page.getByLabel('File', { exact: true }).setInputFiles(bad);
  await press('Upload').click();
  await page.locator('.problem').waitFor();
  await page.getByLabel('File', { exact: true }).setInputFiles(join(files, 'hostile.wasm'));
  await press('Upload').click();
  await page.getByText('The component is ready').waitFor({ timeout: 120_000 });
  await accessible('components');
});

let hostile;
await step('an agent that traps is shown, and what is given up can be discarded', async () => {
  const [component] = (await (await fetch(`${url}/catalog/components`)).json()).filter(({ class_name: name }) => /hostile/i.test(name));
  const agent = { name: 'Hostile', description: 'traps', class_name: component.class_name, component: component.digest };
  ({ id: hostile } = await post('/api/guilds', { org_id: 'o', spec: { name: 'Traps', description: 'd', agents: [agent] } }));
  await go(`guilds/${hostile}`);
  await page.getByRole('status').filter({ hasText: 'ok' }).first().waitFor();
  await say('trap');
  await page.locator('.message .problem').first().waitFor();
  await page.getByRole('status').filter({ hasText: 'warning' }).first().waitFor();
  await say('reject no');
  await said('REJECTED').waitFor({ timeout: 60_000 });
  await go(`guilds/${hostile}/dead-letters`);
  await press('Discard').first().click();
  await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
  await page.getByText('Discarded').waitFor();
  await go(`guilds/${hostile}/logs`);
  await page.getByRole('log').getByText(/trap/).first().waitFor();
});

await step('a guild is stopped and started again, with its messages', async () => {
  await go(`guilds/${guild}`);
  await press('Stop').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click();
  await press('Start').waitFor();
  await press('Start').click();
  await press('Stop').waitFor();
  await said('Echo: hello').waitFor();
  await say('again');
  await said('Echo: again').waitFor();
  assert.equal(await said('Echo: hello').count(), 1);
});

await step('the host is killed and comes back: nothing is lost or doubled', async () => {
  const before = await page.locator('.message').count();
  isAway = true;
  await ask('KILLED?');
  await page.getByText(/reconnecting/).waitFor();
  await say('while away');
  await ask('RUNNING?');
  await said('Echo: while away').waitFor({ timeout: 60_000 });
  isAway = false;
  assert.equal(await page.locator('.message').count(), before + 2);
  await page.reload();
  await said('Echo: while away').waitFor();
  assert.equal(await page.locator('.message').count(), before + 2);
});

await step('many guilds and a long history stay quick', async () => {
  const spec = { name: 'Many', description: 'd', agents: [] };
  for (let made = 0; made < 500; made += 50) await Promise.all(Array.from({ length: 50 }, () => post('/api/guilds', { org_id: 'o', spec })));
  await go('guilds');
  await page.getByText(/more are not shown/).waitFor();
  await page.getByLabel('Filter').fill('Demo guild');
  await page.getByRole('link', { name: 'Demo guild' }).waitFor();
  assert.equal(await page.locator('tbody tr').count(), 1);
});

await browser.close();
console.log("all is well");
process.exit(0);
