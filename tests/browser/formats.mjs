// What people would rather look at than read; questions and forms that are answered; answers that grow.

import assert from 'node:assert/strict';
import { XSS, accessible, call, echo, expectWrong, go, health, page, press, said, say, step } from './harness.mjs';

const name = (short) => `rustic_ai.core.ui_protocol.types.${short}`;

await step('every format is shown', async () => {
  await go('guilds');
  const { out, replies, dangers } = await page.evaluate(async (html) => {
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
      video: of(name('VideoFormat'), { mediaLink: { url: 'v.webm' } }),
      files: of(name('FilesWithTextFormat'), { files: [{ name: html, url: 'javascript:alert(1)' }, { name: 'b.txt', url: '/rustic/api/guilds/g/files/b.txt' }], text: 'two' }),
      question: of(name('QuestionFormat'), { title: 'Which?', options: ['one', 2] }),
      form: of(name('FormFormat'), { schema: { $defs: { B: { type: 'boolean' } }, properties: { n: { type: 'integer', minimum: 1 }, b: { $ref: '#/$defs/B' }, o: { properties: { t: { type: 'string', default: 'x' } } } }, required: ['n', 'o'] } }),
      vega: of(name('VegaLiteFormat'), { spec: { mark: 'bar' } }),
      mermaid: of(name('MermaidFormat'), { diagram: 'graph TD; a-->b' }),
      place: of(name('LocationFormat'), { latitude: 1, longitude: 2, alt: html }),
      days: of(name('CalendarFormat'), { events: [{ start: html, title: html }] }),
      error: of('x.ErrorMessage', { error_type: 'FUEL', error_message: 'too much', limit: 5, value: 9, setting: 'sandbox.fuel' }),
      other: of('my.Own', { deep: [html] }),
      broken: of(name('TableFormat'), { data: 'no' }),
    };
    return { out, replies, dangers };
  }, XSS);
  assert.match(out.text, /<h3>Title<\/h3><ul><li>one<\/li><li>two<\/li><\/ul>/);
  assert.match(out.text, /<a href="https:\/\/a\.example" rel="noopener noreferrer" target="_blank">site<\/a>/);
  assert.equal(dangers, 0, 'nothing becomes a script');
  assert.match(out.table, /<th scope="col" class="number">A<\/th>/);
  assert.match(out.image, /<img src="[^"]*\/api\/guilds\/g\/files\/pic\.png" alt="A picture"/);
  assert.ok(!out.foreign.includes('<img') && out.foreign.includes('https://a.example/x.png'), 'a foreign picture is a link');
  assert.match(out.audio, /<audio[^>]* src="[^"]*\/files\/a\.ogg"/);
  assert.match(out.video, /<video[^>]* src="[^"]*\/files\/v\.webm"/);
  assert.match(out.files, /<a href="[^"]*\/rustic\/api\/guilds\/g\/files\/b\.txt"/);
  assert.match(out.vega, /<details>.*vega\.github\.io/s);
  assert.match(out.mermaid, /graph TD.*mermaid\.live/s);
  assert.match(out.error, /limit 5 · value 9 · setting sandbox\.fuel/);
  assert.match(out.other, /my\.Own/);
  assert.deepEqual(replies, [['questionResponse', { data: 'one' }], ['formResponse', { n: 7, b: false, o: { t: 'x' } }]]);
  expectWrong(/not what its format says|files\/(pic\.png|a\.ogg|v\.webm)/);
});

/** What the user has sent in this format, as the host has it. */
const sent = async (guild, format) => (await call('GET', `/api/guilds/${guild}/operator/messages`)).filter((message) => message.format.endsWith(format)).map(({ payload }) => payload);

await step('a question is answered', async () => {
  const guild = await echo('Questions', { style: 'simple', expression_type: 'jsonata', expression: '{"title": "Tea or coffee?", "options": ["tea", "coffee"]}', output_format: name('QuestionFormat') });
  await go(`guilds/${guild}`);
  await health('ok');
  await say('what?');
  const question = said('Tea or coffee?').first();
  await question.getByRole('button', { name: 'coffee' }).click();
  await page.locator('.message.own:not(.waits)', { hasText: 'coffee' }).waitFor();
  assert.ok(await question.getByRole('button', { name: 'tea' }).isDisabled(), 'it is answered once');
  assert.deepEqual((await sent(guild, 'questionResponse')).at(0), { data: 'coffee' });
  await accessible('question');
});

await step('a form is refused, and accepted', async () => {
  const schema = { type: 'object', required: ['email'], properties: { email: { type: 'string', format: 'email', title: 'E-mail' }, seats: { type: 'integer', minimum: 1, maximum: 9, title: 'Seats' } } };
  const guild = await echo('Forms', { style: 'simple', expression_type: 'jsonata', expression: JSON.stringify({ title: 'Book', schema }), output_format: name('FormFormat') });
  await go(`guilds/${guild}`);
  await health('ok');
  await say('book');
  const form = said('E-mail').first();
  await form.getByLabel('E-mail *').fill('nobody');
  await form.getByLabel('Seats').fill('12');
  await form.getByRole('button', { name: 'Send' }).click();
  assert.equal(await form.locator(':invalid:not(form)').count(), 2, 'the form says what is wrong');
  assert.deepEqual(await sent(guild, 'formResponse'), []);
  await form.getByLabel('E-mail *').fill('ann@example.org');
  await form.getByLabel('Seats').fill('2');
  await accessible('form');
  await form.getByRole('button', { name: 'Send' }).click();
  await form.getByRole('button', { name: 'Sent' }).waitFor();
  await page.locator('.message.own:not(.waits)', { hasText: 'ann@example.org' }).waitFor();
  assert.deepEqual((await sent(guild, 'formResponse')).at(0), { email: 'ann@example.org', seats: 2 });
});
