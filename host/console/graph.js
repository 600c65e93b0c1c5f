// The graph of a guild, drawn from its spec: users, topics, agents, and the rules that carry messages on.

import { element } from './dom.js';

const NS = 'http://www.w3.org/2000/svg';
const svg = (name, properties = {}, ...children) => {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(properties)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

const WIDTH = 190;
const HEIGHT = 30;
const COLUMNS = [20, 300, 580];
const shorten = (text) => (text.length > 25 ? `${text.slice(0, 24)}…` : text);
const listOf = (value) => (Array.isArray(value) ? value : value ? [value] : []);

/** Which nodes and edges a guild has. */
function read(guild) {
  const agents = guild.agents.filter((agent) => !agent.class_name.endsWith('GuildManagerAgent') && !agent.class_name.endsWith('UserProxyAgent'));
  const topics = new Set();
  const edges = [];
  const rules = guild.routes?.steps ?? [];
  const connect = (from, to, kind, title) => edges.push({ from, to, kind, title });
  for (const agent of agents) {
    const heard = [...(agent.listen_to_default_topic === false ? [] : ['default_topic']), ...(agent.additional_topics ?? [])];
    for (const topic of heard) {
      topics.add(topic);
      connect(`topic ${topic}`, `agent ${agent.id}`, 'listens', `${agent.name} listens to ${topic}`);
    }
  }
  for (const rule of rules) {
    const sources = agents.filter((agent) => (rule.agent?.id && rule.agent.id === agent.id) || (rule.agent?.name && rule.agent.name === agent.name) || (rule.agent_type && rule.agent_type === agent.class_name));
    for (const topic of listOf(rule.destination?.topics)) {
      topics.add(topic);
      const title = `a rule carries ${rule.message_format ?? 'every message'} to ${topic}`;
      const from = sources.length ? sources.map((agent) => `agent ${agent.id}`) : ['users'];
      for (const source of from) connect(source, `topic ${topic}`, 'rule', title);
    }
  }
  const fed = new Set(edges.filter(({ kind }) => kind === 'rule').map(({ to }) => to));
  for (const topic of topics) if (!fed.has(`topic ${topic}`)) connect('users', `topic ${topic}`, 'says', `users write to ${topic}`);
  return { agents, topics: [...topics], edges, rules };
}

export function graph(guild) {
  const { agents, topics, edges, rules } = read(guild);
  const rows = Math.max(topics.length, agents.length, 1);
  const height = rows * 56 + 30;
  const places = new Map();
  const place = (key, column, index, count) => places.set(key, { x: COLUMNS[column], y: 20 + ((index + 0.5) * (height - 30)) / count - HEIGHT / 2 });
  place('users', 0, 0, 1);
  topics.forEach((topic, index) => place(`topic ${topic}`, 1, index, topics.length));
  agents.forEach((agent, index) => place(`agent ${agent.id}`, 2, index, agents.length));

  const box = (key, text, kind) => {
    const { x, y } = places.get(key);
    return svg('g', {}, svg('title', {}, text), svg('rect', { x, y, width: WIDTH, height: HEIGHT, rx: kind === 'topic' ? 15 : 6, class: kind }),
      svg('text', { x: x + WIDTH / 2, y: y + 20, 'text-anchor': 'middle' }, shorten(text)));
  };
  const line = ({ from, to, kind, title }) => {
    const [a, b] = [places.get(from), places.get(to)];
    if (!a || !b) return '';
    const isBack = a.x > b.x;
    const [x1, x2] = isBack ? [a.x, b.x + WIDTH] : [a.x + WIDTH, b.x];
    const [y1, y2] = [a.y + HEIGHT / 2 + (isBack ? 7 : 0), b.y + HEIGHT / 2 + (isBack ? 7 : 0)];
    const bend = (x2 - x1) / 2;
    return svg('path', { d: `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`, class: kind, 'marker-end': 'url(#arrow)' }, svg('title', {}, title));
  };
  const arrow = svg('defs', {}, svg('marker', { id: 'arrow', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto' }, svg('path', { d: 'M0 0 8 4 0 8z' })));
  const drawing = svg('svg', { viewBox: `0 0 ${COLUMNS[2] + WIDTH + 20} ${height}`, class: 'graph', role: 'img', 'aria-label': 'Agents, topics and routes of the guild' },
    arrow, ...edges.map(line), box('users', 'users', 'users'), ...topics.map((topic) => box(`topic ${topic}`, topic, 'topic')), ...agents.map((agent) => box(`agent ${agent.id}`, agent.name, 'agent')));
  return element('div', {}, drawing, element('p', { class: 'dim small' }, 'Solid: who listens to a topic. Dashed: where a rule carries messages.'),
    element('h2', {}, 'In words'), element('ul', {}, edges.map(({ title }) => element('li', {}, title))),
    rules.length > 0 && element('p', { class: 'dim small' }, `${rules.length} rules in all`));
}
