// Components: refused with words, taken, bound, given to an agent, used by a guild, deleted.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accessible, call, confirm, files, go, health, page, post, press, said, say, shown, step, url } from './harness.mjs';

const upload = async (path) => {
  await page.getByLabel('File', { exact: true }).setInputFiles(path);
  await press('Upload').click();
};

await step('a component is refused with words, and another one is taken', async () => {
  await go('components');
  await page.getByRole('link', { name: /^guildhall:echo/ }).waitFor();
  const bad = join(files, 'bad.wasm');
  writeFileSync(bad, 'no component');
  await upload(bad);
  await page.locator('.problem').waitFor();
  await upload(join(files, 'hostile.wasm'));
  await page.getByText('The component is ready').waitFor({ timeout: 180_000 });
  await page.locator('td', { hasText: /hostile/i }).first().waitFor();
  await accessible('components', { picture: 'console-components' });
});

/** The same component with other bytes: a custom section is added. */
const variant = () => {
  const section = Buffer.from('\x00\x05\x04note', 'latin1');
  const path = join(files, 'variant.wasm');
  writeFileSync(path, Buffer.concat([readFileSync(join(files, 'hostile.wasm')), section]));
  return path;
};

await step('an agent gets another component, which is then in use and cannot be deleted', async () => {
  const [first] = (await call('GET', '/catalog/components')).filter(({ class_name: name }) => /hostile/i.test(name));
  const agent = { name: 'Hostile', description: 'traps', class_name: first.class_name };
  const { id } = await post('/api/guilds', { org_id: 'o', spec: { name: 'Swapped', description: 'd', agents: [agent] } });
  await go('components');
  await upload(variant());
  const ready = page.locator('.card .card', { hasText: 'The component is ready' });
  await ready.waitFor({ timeout: 180_000 });
  await page.locator('.warn', { hasText: 'is served by' }).waitFor();
  await ready.getByRole('link').click();
  await shown('Nothing uses it');
  await accessible('component');
  const digest = decodeURIComponent(new URL(page.url()).hash.split('/')[2]);
  assert.notEqual(digest, first.digest);
  await press('Give to an agent').click();
  await page.getByLabel('Guild', { exact: true }).selectOption(id);
  await accessible('give');
  await page.getByRole('dialog').getByRole('button', { name: 'Swap' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached', timeout: 60_000 });
  await page.reload();
  await page.getByRole('link', { name: id }).waitFor();
  await confirm('Delete');
  await page.locator('#notices .bad', { hasText: `guild ${id}` }).waitFor();
  await press('Bind').click();
  await shown('is served by this component from now on');
  await page.reload();
  await page.locator('li', { hasText: `class ${first.class_name}` }).waitFor();

  // The agent goes back by the page of its guild.
  await go(`guilds/${id}/agents`);
  await health('ok');
  await press('Swap').click();
  await page.getByLabel('Component', { exact: true }).selectOption(first.digest);
  await page.getByRole('dialog').getByRole('button', { name: 'Swap' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached', timeout: 60_000 });
  await go(`guilds/${id}`);
  await say('hello');
  await said('ok: hello').waitFor();
  await call('PUT', `/catalog/agents/${encodeURIComponent(first.class_name)}/component`, { component: first.digest });
  await go(`components/${encodeURIComponent(digest)}`);
  await shown('Nothing uses it');
  await confirm('Delete');
  await page.getByRole('heading', { name: 'Components' }).waitFor();
  assert.equal((await fetch(`${url}/catalog/components/${digest}`)).status, 404);
});
