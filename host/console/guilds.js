// All guilds of the host, live.

import * as api from './api.js';
import { element, field, link, problem, status, table, time } from './dom.js';
import { guildActions } from './guild.js';

/** How often the list is read again while it is shown. */
const EVERY_MS = 3_000;
/** The most rows that are shown at a time; the filter finds the others. */
const ROWS = 200;

/** The sum of a metric's lines. */
const metric = (text, name) => text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
  .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);

export async function guildsPage() {
  const body = element('div', {});
  const figures = element('p', { class: 'dim small' });
  const filter = element('input', { type: 'search', oninput: () => draw() });
  let guilds = [];
  let before;
  const draw = () => {
    const wanted = filter.value.toLowerCase();
    const found = guilds.filter((guild) => `${guild.name} ${guild.id} ${guild.status} ${guild.organization_id}`.toLowerCase().includes(wanted)).reverse();
    const focused = document.activeElement?.dataset?.key;
    body.replaceChildren(table('Guilds', [
      ['Guild', (guild) => [link(`#/guilds/${encodeURIComponent(guild.id)}`, guild.name, { 'data-key': guild.id }), element('div', { class: 'dim small' }, element('code', {}, guild.id))]],
      ['Status', (guild) => status(guild.status)],
      ['Organisation', (guild) => guild.organization_id],
      ['Since', (guild) => time(guild.created_at), 'keep'],
      ['Actions', (guild) => actions(guild, load), 'keep'],
    ], found.slice(0, ROWS), guilds.length ? 'No guild has this in its name, id, status or organisation.' : welcome()),
    found.length > ROWS && element('p', { class: 'dim' }, `${found.length - ROWS} more are not shown; the filter finds them.`) || '');
    if (focused) body.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  };
  const load = async () => {
    const [listed, text] = await Promise.all([api.get('api/guilds'), api.getText('metrics')]);
    if (JSON.stringify(listed) !== JSON.stringify(guilds) || !body.firstChild) {
      guilds = listed;
      draw();
    }
    const now = { at: Date.now(), turns: metric(text, 'guildhall_turns_total') };
    const rate = before && now.at > before.at ? ` · ${Math.round(((now.turns - before.turns) * 60_000) / (now.at - before.at))} turns a minute` : '';
    before = now;
    figures.textContent = `${metric(text, 'guildhall_guilds_running')} guilds run · ${metric(text, 'guildhall_agents_live')} of ${metric(text, 'guildhall_agents_capacity')} agents live${rate} · ${metric(text, 'guildhall_faults_total')} faults · ${metric(text, 'guildhall_dead_letters_total')} dead letters since the start`;
  };
  await load();
  const away = element('div', {});
  const timer = setInterval(() => load().then(() => away.replaceChildren(), (error) => away.replaceChildren(problem(error))), EVERY_MS);
  return [[element('div', { class: 'row spread' }, element('h1', {}, 'Guilds'), link('#/blueprints', 'Launch a guild', { class: 'button' })),
    figures, away, field('Filter', filter), element('p'), body], () => clearInterval(timer)];
}

const welcome = () => [element('span', {}, 'No guild runs on this host yet. '), link('#/blueprints', 'Launch one from a blueprint'), ', or start the host with ', element('code', {}, '--demo'), '.'];

const actions = (guild, load) => guildActions(guild.id, guild, () => load().catch(() => {})).flatMap((one) => [one, ' ']);
