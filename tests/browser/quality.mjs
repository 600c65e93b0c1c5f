// What a page is measured by: what it loads and how, what it says about itself, and whether it holds still.

import assert from 'node:assert/strict';
import { context, echo, go, health, said, say, step } from './harness.mjs';

/** What all files of the console may be, in bytes. */
const MOST = 150_000;

/** Opens a page as somebody who was never here, and returns its answers with what is measured on it. */
async function visited(hash, at) {
  const page = await at.newPage();
  const answers = [];
  page.on('response', (answer) => { answers.push(answer); });
  await page.addInitScript(() => {
    window.shifts = [];
    new PerformanceObserver((list) => {
      for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.shifts.push(shift.value);
    }).observe({ type: 'layout-shift', buffered: true });
  });
  await go(hash, page);
  return { page, answers };
}
const isConsole = (answer) => /\/(console\/[\w.]+)?$/.test(new URL(answer.url()).pathname);

await step('each page says what it is and holds still', async () => {
  const guild = await echo('Measured');
  const visitor = await context.browser().newContext({ viewport: { width: 1280, height: 800 } });
  const titles = new Set();
  for (const hash of ['guilds', `guilds/${guild}`, 'blueprints', 'components']) {
    const { page } = await visited(hash, visitor);
    if (hash.includes(guild)) {
      await health('ok', page);
      await say('hold still', page);
      await said('Echo: hold still', page).waitFor();
    }
    const found = await page.evaluate(() => ({
      title: document.title,
      lang: document.documentElement.lang,
      description: document.querySelector('meta[name=description]')?.content ?? '',
      headings: document.querySelectorAll('h1').length,
      standards: document.compatMode,
      vague: [...document.links].filter((link) => !link.textContent.trim() && !link.ariaLabel).length,
      shift: window.shifts.reduce((sum, shift) => sum + shift, 0),
      shown: Math.round(performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1),
    }));
    titles.add(found.title);
    console.log(`${hash.split('/')[0]}: first text after ${found.shown} ms, shifted by ${found.shift.toFixed(3)}`);
    assert.equal(found.lang, 'en');
    assert.equal(found.standards, 'CSS1Compat');
    assert.ok(found.description, `${hash} has no description`);
    assert.equal(found.headings, 1, `${hash} has one heading of the first level`);
    assert.equal(found.vague, 0, `${hash} has links without words`);
    assert.ok(found.shift <= 0.1, `${hash} shifts by ${found.shift}`);
    await page.close();
  }
  assert.equal(titles.size, 4, `each page has a title of its own: ${[...titles]}`);
  await visitor.close();
});

await step('the console loads little, compressed, and once', async () => {
  const visitor = await context.browser().newContext();
  const { page, answers } = await visited('guilds', visitor);
  let bytes = 0;
  for (const answer of answers.filter(isConsole)) {
    const headers = await answer.allHeaders();
    const body = await answer.body();
    bytes += body.length;
    const name = answer.url();
    assert.equal(answer.status(), 200, name);
    assert.equal(headers['x-content-type-options'], 'nosniff', name);
    assert.match(headers['content-type'], /charset=utf-8|svg/, name);
    assert.ok(headers.etag, `${name} has a tag`);
    if (body.length > 2_000) assert.equal(headers['content-encoding'], 'gzip', `${name} is compressed`);
  }
  const policy = await answers.find((answer) => isConsole(answer)).headerValue('content-security-policy');
  assert.match(policy, /default-src 'none'|default-src 'self'/);
  assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval|\*/);
  assert.ok(bytes <= MOST, `the console has ${bytes} bytes`);
  const sizes = await Promise.all(answers.filter(isConsole).map((answer) => answer.request().sizes()));
  console.log(`the console: ${answers.filter(isConsole).length} files, ${bytes} bytes, ${sizes.reduce((sum, { responseBodySize }) => sum + responseBodySize, 0)} over the wire`);

  answers.length = 0;
  await page.reload();
  await page.locator('main:not([aria-busy]) h1').waitFor();
  const again = await Promise.all(answers.filter(isConsole).map((answer) => answer.request().sizes()));
  const loaded = again.reduce((sum, { responseBodySize }) => sum + Math.max(0, responseBodySize), 0);
  assert.equal(loaded, 0, `a second visit loads ${loaded} bytes of files that have not changed`);
  await visitor.close();
});
