// The way of the document by clicks: a blueprint, a guild, a chat; then everything that a page of a guild shows, and its end.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accessible, call, chatAs, confirm, files, go, health, page, press, said, say, shown, step, url } from './harness.mjs';

await step('an empty host says what to do', async () => {
  await page.goto(url);
  await shown('No guild runs on this host yet');
  await accessible('guilds-empty');
  await go('nowhere');
  await shown('There is no such page');
});

await step('a blueprint is checked, with its mistakes named by line, and made', async () => {
  await go('blueprints');
  await shown('There are no blueprints yet');
  await accessible('blueprints-empty');
  await page.getByRole('link', { name: 'New blueprint' }).click();
  await press('Make the category General').click();
  await shown('The category is made');
  const text = page.getByLabel('Blueprint, as JSON');
  const right = await text.inputValue();
  const lineOf = (part) => right.slice(0, right.indexOf(part)).split('\n').length;
  const mistake = async (wrong, where, line) => {
    await text.fill(wrong);
    await press('Check').click();
    await page.locator('.problem', { hasText: where }).getByRole('button', { name: `line ${line}`, exact: true }).click();
    const marked = await text.evaluate((area) => area.value.slice(0, area.selectionStart).split('\n').length);
    assert.equal(marked, line);
  };
  await mistake(right.replace('"exposure": "public"', '"exposure": "everybody"'), 'body.exposure', lineOf('"exposure"'));
  await mistake(right.replace('"name": "EchoAgent"', '"name": 7'), 'body.spec.agents.0.name', lineOf('"name": "EchoAgent"'));
  await mistake(right.replace('"version": "v1",', '"version": "v1"'), 'This is no JSON', lineOf('"version"') + 1);
  await accessible('blueprint-refused');
  await text.fill(right.replace('"additional_topics"', '"topics"'));
  await press('Check').click();
  await page.locator('.warn', { hasText: 'agents.0.topics' }).getByRole('button', { name: `line ${lineOf('"additional_topics"')}` }).waitFor();
  assert.deepEqual(await call('GET', '/catalog/blueprints/'), [], 'a check stores nothing');
  const blueprint = JSON.parse(right);
  blueprint.name = 'Greeter';
  blueprint.spec.dependency_map = { filesystem: { class_name: 'any.FileSystem' } };
  blueprint.spec.configuration = { greeting: 'Hello', loud: false, times: 1 };
  blueprint.spec.configuration_schema = { type: 'object', required: ['times'], properties: {
    greeting: { type: 'string', title: 'Greeting', description: 'The first word of an answer' }, loud: { type: 'boolean' },
    times: { type: 'integer', minimum: 1, maximum: 3 }, tone: { enum: ['warm', 'dry'] } } };
  await text.fill(JSON.stringify(blueprint, null, 2));
  await press('Check').click();
  await shown('The host takes this blueprint');
  await press('Create').click();
  await page.getByRole('heading', { name: 'Launch a guild' }).waitFor();
});

let guild;
await step('a blueprint is launched with a form that its schema makes', async () => {
  await page.getByLabel('Name *').fill('Demo guild');
  assert.equal(await page.getByLabel('Greeting').inputValue(), 'Hello');
  await page.getByLabel('times *').fill('7');
  await press('Launch').click();
  assert.ok(await page.getByLabel('times *').evaluate((input) => !input.validity.valid), 'the form refuses it');
  await page.getByLabel('times *').fill('2');
  await accessible('blueprint', { picture: 'console-blueprint' });
  await press('Launch').click();
  await page.getByRole('log', { name: 'Messages' }).waitFor();
  guild = decodeURIComponent(new URL(page.url()).hash.split('/')[2]);
});

await step('a user chats, and a chat as another user is another one', async () => {
  await health('ok');
  await say('hello');
  await said('Echo: hello').waitFor();
  await say('**bold** and `code`, a [link](https://a.example), and\n\n1. one\n2. two');
  await said('Echo: bold').locator('strong').waitFor();
  await said('Echo: bold').locator('ol > li').nth(1).waitFor();
  await chatAs('somebody else');
  await say('from another');
  await said('Echo: from another').waitFor();
  await chatAs('operator');
  await said('Echo: hello').waitFor();
  assert.equal(await said('from another').count(), 0);
});

await step('a file goes up and comes down', async () => {
  const path = join(files, 'note.txt');
  writeFileSync(path, 'what is in it');
  await page.locator('.compose input[type=file]').setInputFiles(path);
  const file = said('note.txt').getByRole('link', { name: 'note.txt' }).first();
  await file.waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), file.click()]);
  assert.equal(readFileSync(await download.path(), 'utf8'), 'what is in it');
  await accessible('chat', { picture: 'console' });
});

await step('the guild is looked into', async () => {
  const tabs = [['agents', '4 handled'], ['graph', 'In words'], ['events', 'Events are shown'], ['dead-letters', 'There are no dead letters'],
    ['logs', 'Level'], ['state', 'It was never changed'], ['files', 'note.txt'], ['spec', 'Launched from the blueprint']];
  for (const [tab, what] of tabs) {
    await go(`guilds/${guild}/${tab}`);
    await shown(what);
    await health('ok');
    await accessible(`guild-${tab}`, { picture: tab === 'agents' && 'console-agents' });
  }
  await go(`guilds/${guild}/files`);
  await confirm('Delete');
  await shown('This guild has no files');
});

await step('a guild is stopped and started again, with its messages', async () => {
  await go(`guilds/${guild}`);
  await confirm('Stop');
  await press('Start').waitFor();
  await accessible('guild-stopped');
  await press('Start').click();
  await press('Stop').waitFor();
  await health('ok');
  await said('Echo: hello').waitFor();
  await say('again');
  await said('Echo: again').waitFor();
  assert.equal(await said('Echo: hello').count(), 1);
});

await step('the list of guilds shows what they do, and a stop by somebody else', async () => {
  await go('guilds');
  const row = page.locator('tr', { hasText: 'Demo guild' });
  await row.getByText('1/1').waitFor();
  await row.getByText('running').waitFor();
  await accessible('guilds', { picture: 'console-guilds', phone: true });
  await go(`guilds/${guild}`);
  // Both sockets are open: a browser reports one that the host refuses.
  await say('still here');
  await said('Echo: still here').waitFor();
  await call('POST', `/api/guilds/${guild}/stop`, {});
  await press('Start').waitFor();
  await go('guilds');
  await row.getByText('stopped').waitFor();
});

await step('a guild and its blueprint are deleted, after a question', async () => {
  const [{ id }] = await call('GET', '/catalog/blueprints/');
  await go(`blueprints/${id}`);
  await press('Delete').click();
  await page.getByRole('dialog').waitFor();
  await accessible('dialog');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await confirm('Delete');
  await page.locator('#notices .bad').waitFor();
  assert.equal((await call('GET', '/catalog/blueprints/')).length, 1, 'a guild uses it');
  await go(`guilds/${guild}`);
  await confirm('Delete');
  await page.getByRole('heading', { name: 'Guilds', exact: true }).waitFor();
  await shown('No guild runs on this host yet');
  await go(`blueprints/${id}`);
  await confirm('Delete');
  await shown('There are no blueprints yet');
});
