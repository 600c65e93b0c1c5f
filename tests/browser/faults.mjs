// What fails, and is shown: agents that trap, hosts that are killed, two tabs of one user.

import assert from 'node:assert/strict';
import { accessible, call, confirm, context, echo, go, health, isBack, killed, page, post, press, said, say, shown, step } from './harness.mjs';

let hostile;
await step('an agent that traps is shown, starts again, and grows its answers', async () => {
  const [component] = (await call('GET', '/catalog/components')).filter(({ class_name: name }) => /hostile/i.test(name));
  const agent = { name: 'Hostile', description: 'traps', class_name: component.class_name, component: component.digest };
  ({ id: hostile } = await post('/api/guilds', { org_id: 'o', spec: { name: 'Traps', description: 'd', agents: [agent] } }));
  await go(`guilds/${hostile}`);
  await health('ok');
  await say('progress 20');
  await said('progressed 20').waitFor();
  assert.equal(await page.locator('.message.live').count(), 0, 'the answer takes the place of what was shown before');
  await say('crash-once');
  await page.locator('.message .problem').first().waitFor();
  await health('warning');
  await health('ok');
  await say('after the trap');
  await said('ok: after the trap').waitFor({ timeout: 60_000 });
});

await step('what is given up can be sent again and discarded; the log and the state show what happened', async () => {
  await say('reject no');
  await said('REJECTED').waitFor({ timeout: 60_000 });
  await say('count');
  await page.locator('.message:not(.own)', { hasText: /^.*1$/ }).last().waitFor();
  await go(`guilds/${hostile}/dead-letters`);
  await accessible('dead-letters');
  await press('Replay').click();
  await shown('The message is sent to its agent again');
  await go(`guilds/${hostile}`);
  await page.locator('.message', { hasText: 'REJECTED' }).nth(1).waitFor();
  await go(`guilds/${hostile}/dead-letters`);
  await confirm('Discard');
  await shown('Discarded');
  await go(`guilds/${hostile}/logs`);
  await page.getByRole('log').getByText(/told to crash once/).first().waitFor();
  await page.getByLabel('Level').selectOption('error');
  await accessible('logs');
  await go(`guilds/${hostile}/agents`);
  await page.getByRole('link', { name: 'State', exact: true }).last().click();
  await page.locator('pre', { hasText: '"count": 1' }).waitFor();
});

let guild;
await step('two tabs of one user show the same, each message once', async () => {
  guild = await echo('Steady');
  const other = await context.newPage();
  for (const one of [page, other]) {
    await go(`guilds/${guild}`, one);
    await health('ok', one);
  }
  for (const [one, text] of [[page, 'from the first'], [other, 'from the second']]) {
    await say(text, one);
    for (const tab of [page, other]) {
      await said(`Echo: ${text}`, tab).waitFor();
      assert.equal(await said(text, tab).count(), 2, text);
    }
  }
  await other.close();
});

await step('the host is killed and comes back: nothing is lost or doubled', async () => {
  const before = await page.locator('.message').count();
  await killed(async () => {
    await page.getByText(/reconnecting/).waitFor();
    await say('while away');
    // It outlives a look at another page.
    await page.getByRole('link', { name: 'Spec' }).click();
  });
  await page.getByRole('link', { name: 'Chat', exact: true }).click();
  await said('Echo: while away').waitFor({ timeout: 60_000 });
  assert.equal(await page.locator('.message').count(), before + 2);
  await page.reload();
  await said('Echo: while away').waitFor();
  isBack();
  assert.equal(await page.locator('.message').count(), before + 2);
});

await step('a host that starts ten times loses and doubles nothing', async () => {
  const before = await page.locator('.message').count();
  for (let round = 0; round < 10; round += 1) {
    await say(`before ${round}!`);
    await killed(() => say(`away ${round}!`));
    await said(`Echo: away ${round}!`).waitFor({ timeout: 60_000 });
  }
  for (let round = 0; round < 10; round += 1) await said(`Echo: before ${round}!`).waitFor();
  assert.equal(await page.locator('.message').count(), before + 40);
  await page.reload();
  await said('Echo: away 9!').waitFor();
  isBack();
  const texts = await page.locator('.message').allTextContents();
  assert.deepEqual([texts.length, new Set(texts.map((text) => text.replace(/^.*?(AM|PM|\d\d:\d\d:\d\d)/, ''))).size], [before + 40, before + 40]);
});
