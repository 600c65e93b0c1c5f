// Long lists stay quick: five hundred guilds, ten thousand messages. How many elements there are is checked; how long pictures of
// the screen took is printed, because that depends on the machine.

import assert from 'node:assert/strict';
import { accessible, call, echo, go, health, page, post, said, say, step } from './harness.mjs';

/** Scrolls through a list, and says how long its pictures took. */
async function scrolled(selector, what) {
  const times = await page.evaluate(async (selector) => {
    const list = selector ? document.querySelector(selector) : document.scrollingElement;
    const times = [];
    const picture = () => new Promise((resolve) => { requestAnimationFrame(resolve); });
    let before = await picture();
    for (let at = 0; at <= 120; at += 1) {
      list.scrollTop = (list.scrollHeight - list.clientHeight) * (at / 120);
      const now = await picture();
      times.push(now - before);
      before = now;
    }
    return times.sort((one, other) => one - other);
  }, selector);
  const elements = await page.evaluate(() => document.querySelectorAll('*').length);
  console.log(`${what}: ${elements} elements; a picture took ${times[60].toFixed()} ms in the middle, ${times[114].toFixed()} ms in 95 of 100, ${times[120].toFixed()} ms at most`);
  return elements;
}

await step('five hundred guilds stay quick', async () => {
  const spec = { name: 'Many', description: 'd', agents: [] };
  await post('/api/guilds', { org_id: 'o', spec: { ...spec, name: 'Needle' } });
  const before = (await call('GET', '/api/guilds?limit=500')).length;
  for (let made = 0; made < 500; made += 50) await Promise.all(Array.from({ length: 50 }, () => post('/api/guilds', { org_id: 'o', spec })));
  await go('guilds');
  assert.equal(await page.locator('tbody tr').count(), before + 500);
  assert.ok(await scrolled('', `${before + 500} guilds`) < 20_000);
  // Rows stay where they are while the list is read again.
  const first = await page.locator('tbody tr').first().evaluateHandle((row) => row);
  await page.waitForResponse((response) => response.url().includes('/api/guilds?usage=1'));
  await page.waitForResponse((response) => response.url().includes('/api/guilds?usage=1'));
  assert.ok(await first.evaluate((row) => row.isConnected));
  await page.getByLabel('Filter').fill('needle');
  await page.getByRole('link', { name: 'Needle' }).waitFor();
  assert.equal(await page.locator('tbody tr').count(), 1);
  await accessible('guilds-filtered');
});

await step('ten thousand messages stay quick, and are read from the newest on', async () => {
  const guild = await echo('Long');
  await go(`guilds/${guild}`);
  await health('ok');
  const total = 5_000;
  await page.evaluate(async ([guild, total]) => {
    const url = new URL(`ws/guilds/${guild}/usercomms/operator/operator?ack=1`, document.baseURI);
    url.protocol = 'ws:';
    const socket = new WebSocket(url);
    let [sent, stored] = [0, 0];
    await new Promise((resolve, reject) => {
      const more = () => { while (sent < total && sent - stored < 500) { socket.send(JSON.stringify({ id: `long-${sent}`, format: 'text', payload: { text: `line ${sent}` } })); sent += 1; } };
      socket.onopen = more;
      socket.onmessage = ({ data }) => {
        if (JSON.parse(data).format !== 'Ack') return;
        stored += 1;
        if (stored === total) resolve(); else more();
      };
      socket.onclose = ({ code }) => reject(new Error(`closed with ${code}`));
    });
    socket.onclose = null;
    socket.close();
  }, [guild, total]);
  // The page showed all of it as it came, and keeps a bounded part.
  await said(`Echo: line ${total - 1}`).waitFor({ timeout: 120_000 });
  assert.ok(await page.locator('.message').count() <= 3_100);
  await page.reload();
  await said(`Echo: line ${total - 1}`).waitFor();
  assert.ok(await page.locator('.message').count() <= 200, 'the newest messages are read first');
  assert.ok(await page.evaluate(() => document.querySelectorAll('*').length) < 3_000);

  const count = () => page.locator('.message').count();
  for (let shown = await count(); shown < 2 * total; shown = await count()) {
    const before = await page.locator('.messages').evaluate((list) => { list.scrollTop = 0; return list.querySelector('.message').dataset.id; });
    await page.waitForFunction((id) => document.querySelector('.message').dataset.id !== id, before);
  }
  assert.equal(await count(), 2 * total);
  const texts = await page.locator('.message:not(.own) p').allTextContents();
  assert.deepEqual(texts, Array.from({ length: total }, (_, index) => `Echo: line ${index}`), 'in order, none twice');
  await scrolled('.messages', `${2 * total} messages`);
  await page.locator('.messages').evaluate((list) => { list.scrollTop = list.scrollHeight; });
  const began = performance.now();
  await say('the last one');
  await said('Echo: the last one').waitFor();
  console.log(`an answer was shown after ${Math.round(performance.now() - began)} ms`);
  assert.ok(await count() <= 3_100, 'the oldest messages are dropped while new ones come');
});
