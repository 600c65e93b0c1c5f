// Names and texts of others are texts: none becomes an element or a script, on any page.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ECHO, XSS, accessible, chatAs, files, go, page, post, said, say, step } from './harness.mjs';

await step('nothing that others name or say becomes a script', async () => {
  const tagged = (what) => `${what} ${XSS}`.slice(0, 64);
  const { id: category } = await post('/catalog/categories/', { name: tagged('C'), description: XSS });
  const agent = { name: tagged('A'), description: XSS, class_name: ECHO, additional_topics: ['echo_topic', XSS], listen_to_default_topic: false };
  const spec = { name: tagged('S'), description: XSS, agents: [agent], dependency_map: { filesystem: { class_name: 'any.FileSystem' } },
    configuration: { a: XSS }, configuration_schema: { type: 'object', properties: { a: { type: 'string', title: XSS, description: XSS } } } };
  const { id } = await post('/catalog/blueprints/', { name: tagged('B'), description: XSS, version: XSS, author_id: XSS, organization_id: XSS, exposure: 'public', category_id: category, spec, tags: [XSS] });
  const { id: guild } = await post(`/catalog/blueprints/${id}/guilds`, { guild_name: tagged('G'), description: XSS, user_id: 'operator', org_id: XSS });
  await go(`guilds/${guild}`);
  await chatAs('<img src=x onerror=window.hit=1>');
  await say(`**bold** ${XSS} [no](javascript:window.hit=1) <javascript:window.hit=1>`);
  await said('Echo: bold').first().waitFor();
  const name = `<img src=x onerror=hit=1>.html`;
  writeFileSync(join(files, name), `<script>parent.hit=1</script>`);
  await page.locator('.compose input[type=file]').setInputFiles(join(files, name));
  await said(name).first().waitFor();
  const pages = ['', '/agents', '/graph', '/events', '/dead-letters', '/logs', '/state', '/files', '/spec'].map((tab) => `guilds/${guild}${tab}`);
  for (const hash of [...pages, 'guilds', 'blueprints', `blueprints/${id}`, `blueprints/new/${id}`, 'components', encodeURIComponent(XSS), `guilds/${encodeURIComponent(XSS)}`]) {
    await go(hash);
    const made = await page.evaluate(() => document.querySelectorAll('main :is(img[src=x], script, [onerror]), #notices :is(img, script)').length);
    assert.equal(made, 0, hash);
    assert.equal(await page.evaluate(() => window.hit), undefined, hash);
  }
  await go('guilds');
  await accessible('odd names');
  await go(`guilds/${guild}`);
  await chatAs('operator');
});
