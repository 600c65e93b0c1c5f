// All guilds of the host, live.

import * as api from './api.js';
import { element, field, link, number, problem, status, time } from './dom.js';
import { guildActions } from './life.js';
import { Rows } from './rows.js';

/** How often the list is read again while it is shown. */
const EVERY_MS = 3_000;
/** The most guilds that the page reads. */
const MOST = 5_000;
/** Rates are those of this time. */
const RATE_MS = 60_000;

/** The sum of a metric's lines. */
const metric = (text, name) => text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
  .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);

/** How much counters grow in a minute, from what they were before. */
class Rates {
  #samples = new Map();

  /** The growth a minute of `key`, whose value is `now`; `undefined` after the first value. */
  of(key, now) {
    const at = performance.now();
    let samples = this.#samples.get(key) ?? [];
    // A counter that has become smaller has begun anew.
    if (samples.length && samples.at(-1).now > now) samples = [];
    samples.push({ at, now });
    while (samples.length > 2 && samples[0].at < at - RATE_MS) samples.shift();
    this.#samples.set(key, samples);
    const [first] = samples;
    return samples.length > 1 ? Math.round(((now - first.now) * 60_000) / (at - first.at)) : undefined;
  }
}

const isAwake = ({ usage, status: now }) => usage || !['running', 'warning', 'backlogged'].includes(now);
const use = (of) => (guild) => (guild.usage ? of(guild.usage) : undefined);
const shown = (of) => (guild) => { const value = of(guild); return value === undefined ? '–' : typeof value === 'number' ? number(value) : value; };
const column = (title, of, kind = 'number') => ({ title, kind, of, cell: shown(of) });

const COLUMNS = (load) => [
  { title: 'Guild', kind: 'name', of: ({ name, id, organization_id: org }) => [name, id, org],
    cell: (guild) => [link(`#/guilds/${encodeURIComponent(guild.id)}`, guild.name), element('div', { class: 'dim small' }, element('code', {}, guild.id), ` · ${guild.organization_id}`)] },
  { title: 'Status', of: (guild) => [guild.status, isAwake(guild)], cell: (guild) => status(isAwake(guild) ? guild.status : 'asleep') },
  column('Agents', use(({ agents, healthy }) => `${healthy}/${agents}`)),
  column('Messages a minute', ({ rate }) => rate),
  column('Errors', use(({ failed }) => failed)),
  column('Fuel', use(({ fuel }) => fuel)),
  { title: 'Since', kind: 'keep', of: (guild) => guild.created_at, cell: (guild) => time(guild.created_at) },
  { title: 'Actions', kind: 'keep', of: (guild) => [guild.status, guild.name],
    cell: (guild) => element('span', { class: 'row' }, guildActions(guild, () => load().catch(() => {}))) },
];

export async function guildsPage() {
  const figures = element('p', { class: 'dim small' });
  const none = element('p', { class: 'dim' });
  const away = element('div');
  const filter = element('input', { type: 'search', oninput: () => draw() });
  const rates = new Rates();
  let guilds = [];
  let isMore = false;
  const load = async () => {
    const [list, text] = await Promise.all([api.getAll('api/guilds?usage=1', MOST), api.getText('metrics')]);
    guilds = list.items.reverse().map((guild) => ({ ...guild, rate: guild.usage && rates.of(guild.id, guild.usage.turns) }));
    isMore = list.isMore;
    away.replaceChildren();
    draw();
    const rate = rates.of('', metric(text, 'guildhall_turns_total'));
    figures.textContent = [`${number(metric(text, 'guildhall_guilds_running'))} guilds run`, `${number(metric(text, 'guildhall_guilds_asleep'))} sleep`,
      `${number(metric(text, 'guildhall_agents_live'))} of ${number(metric(text, 'guildhall_agents_capacity'))} agents live`,
      rate !== undefined && `${number(rate)} messages a minute`, `${number(metric(text, 'guildhall_faults_total'))} faults and ${number(metric(text, 'guildhall_dead_letters_total'))} dead letters since the start`].filter(Boolean).join(' · ');
  };
  const rows = new Rows('guilds', 'Guilds', COLUMNS(load), ({ id }) => id);
  const draw = () => {
    const wanted = filter.value.toLowerCase();
    const found = guilds.filter((guild) => `${guild.name} ${guild.id} ${guild.status} ${guild.organization_id}`.toLowerCase().includes(wanted));
    rows.show(found);
    rows.block.hidden = found.length === 0;
    none.hidden = found.length > 0 && !isMore;
    none.replaceChildren(...(isMore ? [`The host has more guilds; these are ${number(guilds.length)} of them.`]
      : guilds.length ? ['No guild has this in its name, id, status or organisation.'] : WELCOME()));
  };
  await load();
  let timer;
  const again = async () => {
    if (!document.hidden) await load().catch((error) => away.replaceChildren(problem(error)));
    timer = timer !== null && setTimeout(again, EVERY_MS);
  };
  timer = setTimeout(again, EVERY_MS);
  return [[element('div', { class: 'row spread' }, element('h1', {}, 'Guilds'), link('#/blueprints', 'Launch a guild', { class: 'button' })),
    figures, away, field('Filter', filter), none, rows.block], () => { clearTimeout(timer); timer = null; }];
}

const WELCOME = () => [element('span', {}, 'No guild runs on this host yet. '), link('#/blueprints', 'Launch one from a blueprint'), ', or start the host with ', element('code', {}, '--demo'), '.'];
