// Looks into a guild: dead letters, logs, states, the spec.

import * as api from './api.js';
import { written } from './agents.js';
import { button, confirmed, doing, element, field, json, link, notice, problem, status, time } from './dom.js';
import { show } from './show.js';

const of = (id) => `api/guilds/${encodeURIComponent(id)}`;
/** The pause before what broke is read again. */
const AGAIN_MS = 2_000;

export async function deadLetters({ id }) {
  const path = `${of(id)}/dead-letters`;
  const list = element('div');
  const more = button('Show more', doing(() => load()));
  let next;
  const settle = (block, text, work) => doing(async () => {
    await work();
    block.remove();
    notice(text);
    if (!list.childElementCount) await load();
  });
  const letter = (one) => {
    const { agent, fault, message, at, attempts } = one;
    const target = `${path}/${one.id}`;
    const block = element('article', { class: 'card' },
      element('div', { class: 'row spread' }, element('strong', {}, agent?.name ?? agent?.id ?? ''), time(at)),
      element('p', {}, status('failed'), ` ${fault?.kind ?? ''} `, fault?.message ?? '', attempts ? ` after ${attempts} attempts` : ''),
      fault?.setting && element('p', { class: 'dim' }, `limit ${fault.limit}, value ${fault.value ?? '?'}, setting ${fault.setting}`),
      message && element('details', {}, element('summary', {}, 'Message'), show(message.format, message.payload, { guild: id })),
      element('details', {}, element('summary', {}, 'Everything'), json(one)));
    block.append(element('p', { class: 'row' },
      button('Replay', settle(block, 'The message is sent to its agent again', () => api.post(`${target}/replay`)), 'main'),
      button('Discard', async (event) => {
        if (await confirmed('Discard the dead letter?', 'Its message is gone for good.', 'Discard')) await settle(block, 'Discarded', () => api.remove(target))(event);
      }, 'danger')));
    return block;
  };
  const load = async () => {
    const page = await api.get(`${path}?limit=50${next ? `&after=${next}` : ''}`);
    list.querySelector(':scope > .dim')?.remove();
    list.append(...page.dead_letters.map(letter));
    next = page.next;
    more.hidden = !next;
    if (!list.childElementCount) list.append(element('p', { class: 'dim' }, 'There are no dead letters.'));
  };
  await load();
  return [[element('h2', { class: 'unseen' }, 'Dead letters'), list, more]];
}

/** The most lines that are shown. */
const LINES = 2_000;

export function logs(guild, chosen) {
  const known = written(guild);
  const agent = chosen || known[0]?.id;
  if (!agent) return [element('p', { class: 'dim' }, 'This guild has no agents.')];
  const output = element('div', { class: 'log', role: 'log', tabindex: 0, 'aria-label': 'Log' });
  const state = element('div');
  const names = element('select', { onchange: () => { location.hash = `#/guilds/${encodeURIComponent(guild.id)}/logs/${encodeURIComponent(names.value)}`; } },
    known.map((one) => element('option', { value: one.id, selected: one.id === agent }, one.name)));
  const level = element('select', { onchange: () => follow() }, ['debug', 'info', 'warn', 'error'].map((one) => element('option', { selected: one === 'info' }, one)));
  const shown = (line) => ('dropped' in line ? element('div', { class: 'warn' }, `${line.dropped} lines were left out`)
    : element('div', {}, time(line.at), ' ', element('span', { class: { error: 'bad', warn: 'warn' }[line.level] ?? 'dim' }, line.level), ` ${line.text}`));
  let control;
  /** Reads the log, again and again: an agent may end and start, a connection may break. A line is shown once. */
  const follow = async () => {
    control?.abort();
    const mine = control = new AbortController();
    const seen = new Set();
    output.replaceChildren();
    while (!mine.signal.aborted) {
      try {
        for await (const line of api.lines(`${of(guild.id)}/agents/${encodeURIComponent(agent)}/logs?follow=1&limit=200&level=${level.value}`, mine.signal)) {
          state.replaceChildren();
          const key = `${line.number} ${line.at}`;
          if (line.number && seen.has(key)) continue;
          seen.add(key);
          const isAtEnd = output.scrollHeight - output.scrollTop - output.clientHeight < 40;
          output.append(shown(line));
          while (output.childElementCount > LINES) output.firstElementChild.remove();
          if (isAtEnd) output.scrollTop = output.scrollHeight;
        }
        state.replaceChildren(element('p', { class: 'dim' }, 'The log has ended; it is read again when the agent starts.'));
      } catch (error) {
        if (mine.signal.aborted) return;
        state.replaceChildren(problem(error));
      }
      await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
    }
  };
  follow();
  return [[element('div', { class: 'row' }, field('Agent', names), field('Level', level)), element('p'), state, output], () => control.abort()];
}

/** The state of the guild, or of the agent `chosen`, as it changes. */
export async function states(guild, chosen) {
  const output = element('div');
  const away = element('div');
  const base = `#/guilds/${encodeURIComponent(guild.id)}/state`;
  const names = element('select', { onchange: () => { location.hash = names.value ? `${base}/${encodeURIComponent(names.value)}` : base; } },
    element('option', { value: '' }, `The guild ${guild.name}`), written(guild).map((one) => element('option', { value: one.id, selected: one.id === chosen }, one.name)));
  const path = chosen ? `${of(guild.id)}/agents/${encodeURIComponent(chosen)}/state` : `${of(guild.id)}/state`;
  let version;
  const load = async () => {
    const now = await api.get(path);
    away.replaceChildren();
    if (now.version === version) return;
    version = now.version;
    output.replaceChildren(element('p', { class: 'dim' }, version ? [`Version ${version}, changed `, time(now.updated_at)] : 'It was never changed.'), json(now.state));
  };
  await load();
  const timer = setInterval(() => load().catch((error) => away.replaceChildren(problem(error))), AGAIN_MS);
  return [[field('State of', names), away, output], () => clearInterval(timer)];
}

/** The blueprint that a guild came from, if there is one. */
export async function blueprintOf({ id }) {
  const found = await api.get(`catalog/guilds/${encodeURIComponent(id)}/blueprints/`).catch(() => undefined);
  return found?.id && element('p', {}, 'Launched from the blueprint ', link(`#/blueprints/${encodeURIComponent(found.id)}`, `${found.name} ${found.version}`));
}

export const spec = (guild) => [element('h2', {}, 'Spec'), json({ ...guild, agents: written(guild) })];
