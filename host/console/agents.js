// The agents of a guild: their health, what their turns use of their limits, and what can be done about them.

import * as api from './api.js';
import { button, dialog, doing, element, field, link, notice, number, problem, share, size, status } from './dom.js';
import { Rows } from './rows.js';

/** How often the use is read again while it is shown. */
const EVERY_MS = 3_000;

/** The agents that authors wrote: no manager, no proxies of users. */
export const written = (guild) => guild.agents.filter(({ class_name: name }) => !/\.(GuildManagerAgent|UserProxyAgent)$/.test(name));

const of = (guild, agent) => `api/guilds/${encodeURIComponent(guild)}/agents/${encodeURIComponent(agent)}`;
const asked = (sandbox = {}) => Object.entries(sandbox).map(([key, value]) => `${key} ${typeof value === 'object' ? JSON.stringify(value) : value}`);
const seconds = (ms) => `${ms < 10_000 ? (ms / 1000).toFixed(ms < 100 ? 3 : 1) : Math.round(ms / 1000)} s`;
export const reason = (meta) => Object.entries(meta ?? {}).filter(([key, value]) => value !== null && !key.endsWith('latency'))
  .map(([key, value]) => `${key}: ${typeof value === 'object' ? JSON.stringify(value) : value}`).join(', ').slice(0, 300);

const COLUMNS = (guild) => [
  { title: 'Agent', kind: 'name', of: ({ spec }) => [spec.name, spec.class_name], cell: ({ spec }) => [element('strong', {}, spec.name),
    element('div', { class: 'dim small' }, element('code', {}, spec.class_name)), element('div', { class: 'dim small' }, element('code', {}, spec.id))] },
  { title: 'Health', of: ({ beat, use }) => [beat?.checkstatus, reason(beat?.checkmeta), use?.health, use?.detail],
    cell: ({ beat, use }) => [status(beat?.checkstatus ?? use?.health ?? 'does not run'), element('div', { class: 'dim small' }, beat ? reason(beat.checkmeta) : use?.detail)] },
  { title: 'Messages', of: ({ use }) => [use?.turns, use?.failed, use?.busy_ms && seconds(use.busy_ms)], cell: ({ use }) => use && [
    element('div', {}, `${number(use.turns)} handled`), use.failed > 0 && element('div', { class: 'bad small' }, `${number(use.failed)} failed`),
    use.busy_ms && element('div', { class: 'dim small' }, `at work for ${seconds(use.busy_ms)}`)] },
  { title: 'Most that a turn used', kind: 'use', of: ({ use }) => use && [use.most_fuel, use.peak_memory_bytes, use.longest_ms, use.limits], cell: ({ use }) => use && (use.limits ? [
    element('div', {}, share('Fuel', use.most_fuel, use.limits.fuel, number), ' fuel'),
    element('div', {}, share('Memory', use.peak_memory_bytes, use.limits.memory_bytes, size)),
    element('div', {}, share('Time', use.longest_ms, use.limits.timeout_ms, seconds))] : element('span', { class: 'bad' }, 'asks for more than this host allows')) },
  { title: 'Asks for', of: ({ spec }) => spec.sandbox, cell: ({ spec }) => element('div', { class: 'small' }, asked(spec.sandbox).map((one) => element('div', {}, one)), asked(spec.sandbox).length === 0 && 'the defaults of the host') },
  { title: 'Listens to', of: ({ spec }) => [spec.listen_to_default_topic, spec.additional_topics],
    cell: ({ spec }) => element('span', { class: 'small' }, [...(spec.listen_to_default_topic === false ? [] : ['default_topic']), ...(spec.additional_topics ?? [])].join(', ')) },
  { title: 'Actions', of: ({ spec }) => spec.name, cell: ({ spec }) => element('span', { class: 'row' },
    link(`#/guilds/${encodeURIComponent(guild.id)}/logs/${encodeURIComponent(spec.id)}`, 'Logs', { class: 'button' }),
    link(`#/guilds/${encodeURIComponent(guild.id)}/state/${encodeURIComponent(spec.id)}`, 'State', { class: 'button' }),
    button('Cancel turn', doing(async () => {
      await api.post(`${of(guild.id, spec.id)}/cancel`);
      notice('The turn is cancelled; its message becomes a dead letter');
    })), button('Swap', doing(() => swap(guild.id, spec)))) },
];

export async function agents(guild, live) {
  const rows = new Rows('agents', 'Agents', COLUMNS(guild), ({ spec }) => spec.id);
  const away = element('div');
  let uses = new Map();
  const draw = () => rows.show(written(guild).map((spec) => ({ spec, beat: live.report?.[spec.id], use: uses.get(spec.id) })));
  const load = async () => {
    const all = await api.get(`api/guilds/${encodeURIComponent(guild.id)}/usage`);
    uses = new Map(all.map((use) => [use.agent_id, use]));
    away.replaceChildren();
    draw();
  };
  if (written(guild).length === 0) return [element('p', { class: 'dim' }, 'This guild has no agents.')];
  live.listeners.add(draw);
  draw();
  await load();
  const timer = setInterval(() => load().catch((error) => away.replaceChildren(problem(error))), EVERY_MS);
  return [[away, rows.block], () => { live.listeners.delete(draw); clearInterval(timer); }];
}

/** Asks which component an agent is to run from now on. */
async function swap(guild, agent) {
  const { items } = await api.getAll('catalog/components');
  const ready = items.filter(({ state }) => state === 'ready')
    .sort((one, other) => (other.class_name === agent.class_name) - (one.class_name === agent.class_name));
  const choice = element('select', {}, ready.map((one) => element('option', { value: one.digest }, `${one.names[0] ?? one.class_name ?? ''} ${one.digest.slice(0, 19)}`)));
  const failed = element('div');
  const shown = dialog(`Swap the component of ${agent.name}`, field('Component', choice, 'The agent keeps its messages, its state and its snapshot. It goes on with its present component if the other one does not start.'), failed,
    element('p', { class: 'row' }, button('Swap', doing(async () => {
      try {
        await putComponent(guild, agent.id, choice.value);
        shown.close();
      } catch (error) {
        failed.replaceChildren(problem(error));
      }
    }), 'main'), button('Cancel', () => shown.close())));
}

/** Lets an agent run another component. */
export async function putComponent(guild, agent, digest) {
  await api.put(`${of(guild, agent)}/component`, { component: digest });
  notice('The agent runs the other component');
}
