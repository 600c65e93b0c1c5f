// Looks into a guild: agents with their limits, dead letters, logs, the spec.

import * as api from './api.js';
import { button, confirmed, doing, element, field, json, link, notice, problem, status, table, time } from './dom.js';
import { show } from './show.js';

/** The agents that authors wrote: no manager, no proxies of users. */
const written = (guild) => guild.agents.filter(({ class_name: name }) => !/\.(GuildManagerAgent|UserProxyAgent)$/.test(name));
const of = (guild) => `api/guilds/${encodeURIComponent(guild)}`;
const limits = (sandbox = {}) => Object.entries(sandbox).map(([key, value]) => `${key} ${typeof value === 'object' ? JSON.stringify(value) : value}`).join(', ');

export function agents(id, guild, live) {
  const states = new Map();
  const columns = [
    ['Agent', (agent) => [element('strong', {}, agent.name), element('div', { class: 'dim small' }, element('code', {}, agent.id))]],
    ['Health', (agent) => { const cell = element('span', {}, '–'); states.set(agent.id, cell); return cell; }],
    ['Class', (agent) => element('code', { class: 'small' }, agent.class_name)],
    ['Listens to', (agent) => [...(agent.listen_to_default_topic === false ? [] : ['default_topic']), ...(agent.additional_topics ?? [])].join(', ')],
    ['Limits', (agent) => element('span', { class: 'small' }, limits(agent.sandbox) || 'the defaults of the host')],
    ['Actions', (agent) => [link(`#/guilds/${encodeURIComponent(id)}/logs/${encodeURIComponent(agent.id)}`, 'Logs', { class: 'button' }), ' ',
      button('Cancel turn', doing(async () => {
        await api.post(`${of(id)}/agents/${encodeURIComponent(agent.id)}/cancel`);
        notice('The turn is cancelled');
      })), ' ', button('Swap', () => swap(id, agent))], 'keep'],
  ];
  const tell = (report) => {
    for (const [agent, cell] of states) {
      const beat = report[agent];
      if (beat) cell.replaceChildren(status(beat.checkstatus), element('div', { class: 'dim small' }, reason(beat.checkmeta)));
    }
  };
  live.listeners.add(tell);
  const block = table('Agents', columns, written(guild), 'This guild has no agents.');
  if (live.report) tell(live.report);
  return [block, () => live.listeners.delete(tell)];
}

const reason = (meta) => Object.entries(meta ?? {}).filter(([key, value]) => value !== null && !key.endsWith('latency'))
  .map(([key, value]) => `${key}: ${typeof value === 'object' ? JSON.stringify(value) : value}`).join(', ').slice(0, 300);

async function swap(guild, agent) {
  const all = await api.get('catalog/components');
  const choice = element('select', {}, all.filter(({ state }) => state === 'ready')
    .map((one) => element('option', { value: one.digest }, `${one.names[0] ?? one.class_name ?? one.digest.slice(0, 19)}`)));
  const close = () => { dialog.close(); dialog.remove(); };
  const dialog = element('dialog', { 'aria-labelledby': 'swap-title' }, element('h2', { id: 'swap-title' }, `Swap the component of ${agent.name}`),
    field('Component', choice, 'The agent keeps its messages, its state and its snapshot.'),
    element('p', { class: 'row' }, button('Swap', doing(async () => {
      await api.put(`${of(guild)}/agents/${encodeURIComponent(agent.id)}/component`, { component: choice.value });
      notice('The agent runs the other component');
      close();
    }), 'main'), button('Cancel', close)));
  document.body.append(dialog);
  dialog.showModal();
}

export async function deadLetters(id) {
  const path = `${of(id)}/dead-letters`;
  const list = element('div', {});
  const more = button('Show more', doing(() => load()));
  let next;
  const settle = (block, text, work) => doing(async () => { await work(); block.remove(); notice(text); });
  const letter = (one) => {
    const { id: number, agent, fault, message, at, attempts } = one;
    const block = element('article', { class: 'card' },
      element('div', { class: 'row spread' }, element('strong', {}, agent?.name ?? agent?.id ?? agent ?? ''), time(at ?? message?.timestamp)),
      element('p', {}, status('failed'), ` ${fault?.kind ?? ''} `, fault?.message ?? fault?.text ?? '', attempts ? ` after ${attempts} attempts` : ''),
      fault?.setting && element('p', { class: 'dim' }, `limit ${fault.limit}, value ${fault.value ?? '?'}, setting ${fault.setting}`),
      message && element('details', {}, element('summary', {}, 'Message'), show(message.format, message.payload, { guild: id })),
      element('details', {}, element('summary', {}, 'Everything'), json(one)));
    const target = `${path}/${number}`;
    block.append(element('p', { class: 'row' },
      button('Replay', settle(block, 'The message is sent to its agent again', () => api.post(`${target}/replay`)), 'main'),
      button('Discard', async (event) => {
        if (await confirmed('Discard the dead letter?', 'Its message is gone for good.', 'Discard')) await settle(block, 'Discarded', () => api.remove(target))(event);
      }, 'danger')));
    return block;
  };
  const load = async () => {
    const page = await api.get(`${path}?limit=50${next ? `&after=${next}` : ''}`);
    const items = page.dead_letters ?? page.letters ?? page.items ?? [];
    list.append(...items.map(letter));
    next = page.next;
    more.hidden = !next;
    if (!list.childElementCount) list.append(element('p', { class: 'dim' }, 'There are no dead letters.'));
  };
  await load();
  return [[list, more]];
}

export function logs(id, guild, chosen) {
  const known = written(guild);
  const agent = chosen || known[0]?.id;
  if (!agent) return [element('p', { class: 'dim' }, 'This guild has no agents.')];
  const output = element('div', { class: 'log', role: 'log', tabindex: 0, 'aria-label': 'Log' });
  const names = element('select', { onchange: () => { location.hash = `#/guilds/${encodeURIComponent(id)}/logs/${encodeURIComponent(names.value)}`; } },
    known.map((one) => element('option', { value: one.id, selected: one.id === agent }, one.name)));
  const level = element('select', { onchange: () => follow() }, ['debug', 'info', 'warn', 'error'].map((one) => element('option', { selected: one === 'info' }, one)));
  let control;
  const follow = async () => {
    control?.abort();
    control = new AbortController();
    output.replaceChildren();
    const path = `${of(id)}/agents/${encodeURIComponent(agent)}/logs?follow=1&limit=200&level=${level.value}`;
    try {
      for await (const line of api.lines(path, control.signal)) {
        const isAtEnd = output.scrollHeight - output.scrollTop - output.clientHeight < 40;
        output.append('dropped' in line ? element('div', { class: 'warn' }, `${line.dropped} lines were left out`)
          : element('div', {}, time(line.at), ' ', element('span', { class: { error: 'bad', warn: 'warn' }[line.level] ?? 'dim' }, line.level), ` ${line.text ?? line.message ?? ''}`));
        while (output.childElementCount > 2_000) output.firstElementChild.remove();
        if (isAtEnd) output.scrollTop = output.scrollHeight;
      }
      output.append(element('div', { class: 'dim' }, 'The agent has ended.'));
    } catch (error) {
      if (error.name !== 'AbortError') output.append(problem(error));
    }
  };
  follow();
  return [[element('div', { class: 'row' }, field('Agent', names), field('Level', level)), element('p'), output], () => control?.abort()];
}

/** The blueprint that a guild came from, if there is one. */
export async function blueprintOf(id) {
  const found = await api.get(`catalog/guilds/${encodeURIComponent(id)}/blueprints/`).catch(() => undefined);
  return found?.id && element('p', {}, 'Launched from the blueprint ', link(`#/blueprints/${encodeURIComponent(found.id)}`, `${found.name} ${found.version}`));
}

export const spec = (guild) => [element('h2', {}, 'Spec'), json({ ...guild, agents: written(guild) })];
