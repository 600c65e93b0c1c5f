// What a client must be able to do, in Node and in a browser. `client` is the package, `digest` that of the component that
// misbehaves on request, and `ask` kills the host (`KILLED?`) and starts it again (`RUNNING?`).

const spec = (name, agent, more = {}) => ({ name, description: 'A guild of the tests', agents: [agent], ...more });
const misbehaving = (digest) => spec('Hostile', {
  name: 'Hostile', description: 'Misbehaves when told to', class_name: 'guildhall.tests.HostileAgent', component: digest,
});

const check = (holds, what) => { if (!holds) throw new Error(`it does not hold: ${what}`); };
const same = (found, wanted, what) =>
  check(JSON.stringify(found) === JSON.stringify(wanted), `${what}: ${JSON.stringify(found)} is not ${JSON.stringify(wanted)}`);
const failure = async (promise) => {
  try { await promise; } catch (error) { return error; }
  throw new Error('it should have failed');
};

export async function run(client, url, digest, ask, say) {
  const { connect, GuildhallError, isProgress } = client;
  const host = connect(url);

  const hostile = await host.create(misbehaving(digest), 'acme');
  const chat = await hostile.chat('ann', { name: 'Ann', events: true });
  same(chat.health.guild_health, 'ok', 'the health');
  say('ready');

  const sent = await chat.send('hello');
  check(sent.id > 0, 'a message that was sent has an id');
  for await (const message of chat) {
    same([message.payload.text, message.in_response_to], ['ok: hello', sent.id], 'the answer');
    break;
  }
  const progress = [];
  const answer = await chat.ask('progress 3', { onProgress: (message) => progress.push(message.payload.text) });
  same([answer.payload.text, progress.length], ['progressed 3', 3], 'an answer after its progress');
  check(!isProgress(answer), 'an answer is no progress');
  say('ack, answer, progress');

  const refused = await failure(chat.send({ format: 'text', payload: [1] }));
  check(refused instanceof GuildhallError, `${refused}`);
  same(refused.code, 'invalid_payload', 'an error about a frame');
  const large = await failure(chat.send('x'.repeat(3 << 20)));
  same([large.code, large.setting], ['frame_too_large', 'limits.frame_bytes'], 'a frame over the limit');
  same((await chat.ask('still here')).payload.text, 'ok: still here', 'the chat after a frame over the limit');
  const unknown = await failure(host.guild('no-such-guild').details());
  same([unknown.code, unknown.status], ['guild_not_found', 404], 'an error over REST');
  same((await failure(host.guild('no-such-guild').chat('ann'))).code, 'guild_not_found', 'a chat with nobody');
  const over = await failure(chat.ask('eat'));
  check(over.code === 'memory' && over.limit > 0 && over.setting.startsWith('sandbox.'), `the limit of an error: ${JSON.stringify({ ...over })}`);
  const given = await failure(chat.ask('spin-until-cancelled', { signal: AbortSignal.timeout(200) }));
  same(given.name, 'TimeoutError', 'a question that is given up');
  await chat.close();
  same((await failure(chat.send('too late'))).code, 'closed', 'a chat that was left');
  say('errors, abort');

  const echo = await host.create(spec('Echo', {
    name: 'EchoAgent', description: 'Echoes', class_name: 'rustic_ai.core.agents.testutils.echo_agent.EchoAgent',
    additional_topics: ['echo_topic'], listen_to_default_topic: false,
  }, { dependency_map: { filesystem: { class_name: 'a.b' } } }), 'acme');
  const room = await echo.chat('bob', { name: 'Bob', buffer: 16 });
  const heard = [];
  const reading = (async () => {
    for await (const message of room) {
      heard.push(message.payload.text);
      // Slower than what comes, so that the chat has to wait for its reader.
      if (heard.length === 20) await new Promise((resolve) => setTimeout(resolve, 300));
    }
  })();
  const statuses = [];
  room.on('status', (status) => statuses.push(status));
  const ids = new Set();
  const send = async (from, to) => {
    const all = Array.from({ length: to - from }, (_, at) => room.send(`text ${from + at}`));
    for (const { id } of await Promise.all(all)) ids.add(id);
  };
  await send(0, 100);
  const first = send(100, 120);
  await ask('KILLED?');
  const late = send(120, 140);
  await ask('RUNNING?');
  await Promise.all([first, late]);
  await send(140, 150);
  const wanted = Array.from({ length: 150 }, (_, at) => `Echo: text ${at}`);
  const deadline = Date.now() + 30_000;
  while (heard.length < wanted.length && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  same(heard, wanted, 'what was heard');
  same(ids.size, 150, 'each message has an id of its own');
  check(statuses.includes('connecting') && statuses.at(-1) === 'ready', `statuses: ${statuses}`);
  say('kill and restart, no gap, nothing twice');

  const history = [];
  for await (const message of echo.history('bob', { page: 64 })) history.push(message.payload.text);
  same(history.length, 300, 'the history has each message and each answer once');
  const file = await echo.upload(new Blob(['notes']), 'notes.md', { meta: { by: 'bob' } });
  same(file.filename, 'notes.md', 'the upload');
  same(await (await echo.download('notes.md')).text(), 'notes', 'the download');
  same((await echo.files()).map(({ name }) => name), ['notes.md'], 'the files');
  same(room.participants.map(({ name, type }) => [name, type]).filter(([, type]) => type === 'human'), [['Bob', 'human']], 'the users');
  await echo.stop();
  await reading;
  same(statuses.at(-1), 'closed', 'the chat of a guild that was stopped');
  same((await failure(echo.chat('bob'))).code, 'guild_stopped', 'a chat with a guild that was stopped');
  say('history, files, participants, stop');
}
