// One guild: its chat with its health beside it, and the pages that look into it.

import * as api from './api.js';
import { agents, reason } from './agents.js';
import { Chat, userChoice } from './chat.js';
import { badge, element, link, problem, reopen, status, time } from './dom.js';
import { files } from './files.js';
import { graph } from './graph.js';
import { blueprintOf, deadLetters, logs, spec, states } from './inspect.js';
import { guildActions, isOver } from './life.js';

const TABS = [['', 'Chat'], ['agents', 'Agents'], ['graph', 'Graph'], ['events', 'Events'], ['dead-letters', 'Dead letters'],
  ['logs', 'Logs'], ['state', 'State'], ['files', 'Files'], ['spec', 'Spec']];
const HEALTH = 'rustic_ai.core.guild.agent_ext.mixins.health.AgentsHealthReport';
const EVENT = 'guildhall.Event';
/** The most events, and the most rows of health, that the page keeps. */
const EVENTS = 500;
const HEALTHS = 100;
/** How soon the page of a guild that stops is read again. */
const STOPPING_MS = 700;
const USER = 'guildhall.user';

const chosenUser = () => localStorage.getItem(USER) || 'operator';

/** `#/guilds/ID/TAB/MORE`. Returns the elements, and what ends the page. */
export async function guildPage(id, tab = '', more = '') {
  const path = `api/guilds/${encodeURIComponent(id)}`;
  const guild = await api.get(path);
  const live = new Live(guild);
  const tabs = element('nav', { class: 'tabs', 'aria-label': 'Parts of the guild' },
    TABS.map(([part, title]) => link(`#/guilds/${encodeURIComponent(id)}${part && `/${part}`}`, title, { 'aria-current': part === tab ? 'page' : null })));
  const head = element('div', { class: 'row spread' },
    element('div', {}, element('div', { class: 'row' }, element('h1', {}, guild.name), live.badge), element('p', { class: 'dim small' }, guild.description, ' · ', element('code', {}, id))),
    element('div', { class: 'row' }, guildActions(guild, reopen, () => { location.hash = '#/guilds'; })));
  const [body, end] = await part(tab, more, guild, live);
  live.begin();
  const again = guild.status === 'stopping' && setTimeout(reopen, STOPPING_MS);
  return [[head, tabs, body], () => { end?.(); live.end(); clearTimeout(again); }];
}

async function part(tab, more, guild, live) {
  switch (tab) {
    case '': return chatPart(guild, live);
    case 'agents': return agents(guild, live);
    case 'graph': return [graph(guild)];
    case 'events': return [live.events];
    case 'dead-letters': return deadLetters(guild);
    case 'logs': return logs(guild, more);
    case 'state': return states(guild, more);
    case 'files': return files(guild);
    case 'spec': return [[await blueprintOf(guild), ...spec(guild)]];
    default: return [problem(new Error(`There is no page ${tab}`))];
  }
}

async function chatPart(guild, live) {
  const user = chosenUser();
  const users = await api.get(`catalog/guilds/${encodeURIComponent(guild.id)}/users`).catch(() => []);
  const state = element('span', { class: 'dim small', role: 'status' }, 'connecting');
  const chat = new Chat(guild.id, user, (text) => { state.textContent = text; });
  const choose = (name) => { localStorage.setItem(USER, name); reopen(); };
  const side = element('aside', { 'aria-label': 'Health' }, userChoice(users, user, choose), element('p', {}, state),
    element('h2', {}, 'Health'), live.health);
  if (isOver(guild.status)) state.textContent = 'the guild is stopped';
  chat.begin(!isOver(guild.status));
  return [element('div', { class: 'guild' }, chat.block, side), () => chat.end()];
}

/** What the system socket tells of a guild. */
class Live {
  #socket;
  #isEnded = false;

  constructor(guild) {
    this.guild = guild;
    this.badge = element('span', { role: 'status' }, status(guild.status));
    this.health = element('ul', { class: 'health' }, element('li', { class: 'dim' }, 'No report yet'));
    this.events = element('div', { class: 'log', tabindex: 0, role: 'log', 'aria-label': 'Events' }, element('div', { class: 'dim' }, 'Events are shown as they happen; none is stored.'));
    this.names = new Map(guild.agents.map((agent) => [agent.id, agent.name]));
    this.listeners = new Set();
  }

  begin() {
    if (isOver(this.guild.status)) return;
    const path = `ws/guilds/${encodeURIComponent(this.guild.id)}/syscomms/${encodeURIComponent(chosenUser())}?dialect=guide&events=1`;
    this.#socket = new api.Socket(() => path, {
      frame: (frame) => this.#take(frame),
      closed: (reason) => {
        this.badge.replaceChildren(badge(`away: ${reason}`, 'warn'));
        this.#look();
      },
    });
  }

  end() {
    this.#isEnded = true;
    this.#socket?.close();
  }

  /** Opens the page again if the guild was stopped or deleted by somebody else. */
  async #look() {
    const now = await api.get(`api/guilds/${encodeURIComponent(this.guild.id)}`).catch((error) => error);
    const isGone = now.status === 404 || isOver(now.status);
    if (isGone && !this.#isEnded) reopen();
  }

  #take({ format, payload, timestamp }) {
    if (format === HEALTH) this.#report(payload);
    if (format === EVENT) this.#event(payload, timestamp);
  }

  #report({ agents: all, guild_health: health }) {
    const entries = Object.entries(all);
    // The first report to each socket says so, until the agents are asked.
    const isOpening = !this.report && health === 'starting' && entries.length === 1;
    this.report = all;
    if (isOpening && this.guild.status === 'running') return;
    this.badge.replaceChildren(status(health));
    const rows = entries.slice(0, HEALTHS).map(([agent, beat]) => element('li', {},
      element('span', {}, this.#nameOf(agent), beat.checkstatus !== 'ok' && element('div', { class: 'dim small' }, reason(beat.checkmeta))),
      status(beat.checkstatus)));
    const more = entries.length > HEALTHS && element('li', { class: 'dim' }, `and ${entries.length - HEALTHS} more`);
    this.health.replaceChildren(...rows, more || '');
    for (const listener of this.listeners) listener(all);
  }

  #event({ event, at, agent, ...others }, timestamp) {
    const isBad = /trapped|failed|error|refused|limit|dead/.test(event);
    this.events.append(element('div', {}, time(at ?? timestamp), ' ', element('strong', { class: isBad ? 'bad' : '' }, event),
      ` ${agent?.name ?? agent?.id ?? ''} `, element('span', { class: 'dim' }, Object.keys(others).length ? JSON.stringify(others) : '')));
    while (this.events.childElementCount > EVENTS) this.events.firstElementChild.remove();
    this.events.scrollTop = this.events.scrollHeight;
  }

  #nameOf(agent) {
    return agent.endsWith('#manager_agent') ? 'Manager of the guild' : this.names.get(agent) ?? agent.replace(/^upa-/, '');
  }
}
