// One guild: its chat with its health beside it, and the pages that look into it.

import * as api from './api.js';
import { Chat, userChoice } from './chat.js';
import { badge, button, confirmed, doing, element, link, notice, problem, reopen, status, time } from './dom.js';
import { agents, blueprintOf, deadLetters, logs, spec } from './inspect.js';
import { graph } from './graph.js';

const TABS = [['', 'Chat'], ['agents', 'Agents'], ['graph', 'Graph'], ['events', 'Events'], ['dead-letters', 'Dead letters'], ['logs', 'Logs'], ['spec', 'Spec']];
const HEALTH = 'rustic_ai.core.guild.agent_ext.mixins.health.AgentsHealthReport';
const EVENT = 'guildhall.Event';
/** The most events that the page keeps. */
const EVENTS = 500;
/** How soon the page of a guild that stops is read again. */
const STOPPING_MS = 700;
const USER = 'guildhall.user';

export const chosenUser = () => localStorage.getItem(USER) || 'operator';

/** `#/guilds/ID/TAB/MORE`. Returns the elements, and what ends the page. */
export async function guildPage(id, tab = '', more = '') {
  const path = `api/guilds/${encodeURIComponent(id)}`;
  const guild = await api.get(path);
  const live = new Live(id, guild);
  const tabs = element('nav', { class: 'tabs', 'aria-label': 'Parts of the guild' },
    TABS.map(([part, title]) => link(`#/guilds/${encodeURIComponent(id)}${part && `/${part}`}`, title, { 'aria-current': part === tab ? 'page' : null })));
  const head = element('div', { class: 'row spread' },
    element('div', {}, element('div', { class: 'row' }, element('h1', {}, guild.name), live.badge), element('p', { class: 'dim small' }, guild.description, ' · ', element('code', {}, id))),
    element('div', { class: 'row' }, guildActions(id, guild, reopen)));
  const [body, end] = await part(tab, more, id, guild, live);
  live.begin();
  const again = guild.status === 'stopping' && setTimeout(reopen, STOPPING_MS);
  return [[head, tabs, body], () => { end?.(); live.end(); clearTimeout(again); }];
}

/** The buttons that change a guild's life. */
export function guildActions(id, guild, after) {
  const path = `api/guilds/${encodeURIComponent(id)}`;
  const stop = doing(async () => {
    if (!await confirmed('Stop the guild?', `${guild.name} stops at once; its messages stay.`, 'Stop')) return;
    await api.post(`${path}/stop`);
    notice('The guild stops');
    after();
  });
  const start = doing(async () => {
    const { is_starting: isStarting } = await api.post(`${path}/start`);
    notice(isStarting ? 'The guild is being started' : 'The guild runs already; agents that had given up try again');
    after();
  });
  if (guild.status === 'stopping') return [element('span', { class: 'dim' }, 'stopping')];
  return guild.status === 'stopped' ? [button('Start', start)] : [button('Relaunch', start), button('Stop', stop, 'danger')];
}

async function part(tab, more, id, guild, live) {
  switch (tab) {
    case '': return chatPart(id, guild, live);
    case 'agents': return agents(id, guild, live);
    case 'graph': return [graph(guild)];
    case 'events': return [live.events];
    case 'dead-letters': return deadLetters(id);
    case 'logs': return logs(id, guild, more);
    case 'spec': return [[await blueprintOf(id), ...spec(guild)]];
    default: return [problem(new Error(`There is no page ${tab}`))];
  }
}

async function chatPart(id, guild, live) {
  const user = chosenUser();
  const users = await api.get(`catalog/guilds/${encodeURIComponent(id)}/users`).catch(() => []);
  const state = element('span', { class: 'dim small', role: 'status' }, 'connecting');
  const chat = new Chat(id, user, (text) => { state.textContent = text; });
  const choose = (name) => { localStorage.setItem(USER, name); reopen(); };
  const side = element('aside', { 'aria-label': 'Health' }, userChoice(users, user, choose), element('p', {}, state),
    element('h2', {}, 'Health'), live.health);
  const isOver = ['stopped', 'stopping'].includes(guild.status);
  if (isOver) state.textContent = 'the guild is stopped';
  chat.begin(!isOver);
  return [element('div', { class: 'guild' }, chat.block, side), () => chat.end()];
}

const nameOf = (agent, names) => (agent.endsWith('#manager_agent') ? 'Manager of the guild' : names.get(agent) ?? agent.replace(/^upa-/, ''));

/** What the system socket tells of a guild. */
class Live {
  #socket;

  constructor(id, guild) {
    this.id = id;
    this.badge = element('span', { role: 'status' }, status(guild.status));
    this.health = element('ul', { class: 'health' }, element('li', { class: 'dim' }, 'No report yet'));
    this.events = element('div', { class: 'log', tabindex: 0, role: 'log', 'aria-label': 'Events' }, element('div', { class: 'dim' }, 'Events are shown as they happen; none is stored.'));
    this.names = new Map(guild.agents.map((agent) => [agent.id, agent.name]));
    this.listeners = new Set();
    this.isOver = ['stopped', 'stopping'].includes(guild.status);
  }

  begin() {
    if (this.isOver) return;
    const path = `ws/guilds/${encodeURIComponent(this.id)}/syscomms/${encodeURIComponent(chosenUser())}?events=1`;
    this.#socket = new api.Socket(() => path, {
      frame: (frame) => this.#take(frame),
      closed: (reason, isFinal) => this.badge.replaceChildren(isFinal ? status('stopped') : badge(`away: ${reason}`, 'warn')),
    });
  }

  end() { this.#socket?.close(); }

  #take({ format, payload, timestamp }) {
    if (format === HEALTH) {
      this.badge.replaceChildren(status(payload.guild_health));
      this.report = payload.agents;
      const rows = Object.entries(payload.agents).map(([agent, beat]) => element('li', {},
        element('span', {}, nameOf(agent, this.names)), element('span', { title: JSON.stringify(beat.checkmeta ?? {}) }, status(beat.checkstatus))));
      this.health.replaceChildren(...rows);
      for (const listener of this.listeners) listener(payload.agents);
    }
    if (format === EVENT) {
      const { event, at, agent, ...others } = payload;
      const isBad = /trapped|failed|error|refused|limit|dead/.test(event);
      this.events.append(element('div', {}, time(at ?? timestamp), ' ', element('strong', { class: isBad ? 'bad' : '' }, event),
        ` ${agent?.name ?? agent?.id ?? ''} `, element('span', { class: 'dim' }, Object.keys(others).length ? JSON.stringify(others) : '')));
      while (this.events.childElementCount > EVENTS) this.events.firstElementChild.remove();
      this.events.scrollTop = this.events.scrollHeight;
    }
  }
}
