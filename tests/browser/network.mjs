// Below a path prefix of a proxy, over a slow link that breaks.

import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';
import { Transform } from 'node:stream';
import { context, echo, expectWrong, health, said, say, step, url } from './harness.mjs';

const PREFIX = '/tools/guildhall';

/**
 * A proxy that takes PREFIX from paths. Each piece of data takes `latency` ms, and one of a hundred takes as long as a packet
 * that is lost and sent again; `cut()` breaks all sockets.
 */
async function proxy({ latency = 0, loss = 0 }) {
  const sockets = new Set();
  /** Passes data on, in order, later. */
  const late = () => {
    let last = Promise.resolve();
    return new Transform({ transform(piece, _, done) {
      const lost = Math.random() < loss ? 3 * latency : 0;
      const due = new Promise((resolve) => { setTimeout(resolve, latency + lost); });
      last = last.then(() => due).then(() => this.push(piece));
      done();
    }, flush(done) { last.then(() => done()); } });
  };
  const target = new URL(url);
  const pathOf = (path) => (path.startsWith(`${PREFIX}/`) ? path.slice(PREFIX.length) : '/not-here');
  const server = createServer((asked, answer) => {
    const passed = request({ host: target.hostname, port: target.port, method: asked.method, path: pathOf(asked.url), headers: asked.headers }, (answered) => {
      answer.writeHead(answered.statusCode, answered.headers);
      answered.pipe(late()).pipe(answer);
    });
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
  });
  server.on('upgrade', (asked, socket, head) => {
    const host = connect(target.port, target.hostname, () => {
      const lines = Object.entries(asked.headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
      host.write(`GET ${pathOf(asked.url)} HTTP/1.1\r\n${lines}\r\n`);
      host.write(head);
      socket.pipe(late()).pipe(host);
      host.pipe(late()).pipe(socket);
    });
    sockets.add(socket);
    for (const [one, other] of [[socket, host], [host, socket]]) {
      one.on('error', () => other.destroy());
      one.on('close', () => { other.destroy(); sockets.delete(socket); });
    }
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return { at: `http://127.0.0.1:${server.address().port}${PREFIX}/`, cut: () => { for (const socket of sockets) socket.destroy(); }, close: () => { server.closeAllConnections(); server.close(); } };
}

await step('the console works below a path of a proxy', async () => {
  const guild = await echo('Below');
  const { at, close } = await proxy({});
  const page = await context.newPage();
  await page.goto(at);
  await page.getByRole('link', { name: 'Below' }).click();
  await health('ok', page);
  await say('through a proxy', page);
  await said('Echo: through a proxy', page).waitFor();
  await page.getByRole('link', { name: 'Blueprints' }).click();
  await page.getByRole('heading', { name: 'Blueprints' }).waitFor();
  await page.getByRole('link', { name: 'API' }).click();
  await page.getByText('getGuildState').or(page.getByText('Get the state of a guild')).first().waitFor({ state: 'attached' });
  assert.ok(page.url().startsWith(at), page.url());
  assert.ok(guild);
  await page.close();
  close();
});

await step('a link of 200 ms that loses packets and breaks', async () => {
  const guild = await echo('Slow');
  const { at, cut, close } = await proxy({ latency: 100, loss: 0.01 });
  const page = await context.newPage();
  await page.goto(`${at}#/guilds/${guild}`);
  await health('ok', page);
  for (let round = 0; round < 5; round += 1) {
    await say(`slow ${round}!`, page);
    if (round % 2) cut();
  }
  for (let round = 0; round < 5; round += 1) await said(`Echo: slow ${round}!`, page).waitFor({ timeout: 60_000 });
  assert.equal(await page.locator('.message').count(), 10);
  await page.reload();
  await said('Echo: slow 4!', page).waitFor({ timeout: 60_000 });
  assert.equal(await page.locator('.message').count(), 10);
  expectWrong(/WebSocket|Failed to load|net::ERR/);
  await page.close();
  close();
});
