// Blueprints: read, checked, made, launched with a form of their configuration.

import * as api from './api.js';
import { badge, button, doing, element, field, json, link, notice, problem, table } from './dom.js';
import { formOf } from './form.js';

const ORG = 'guildhall.org';
const org = () => localStorage.getItem(ORG) || 'org';

export async function blueprintsPage() {
  const all = await api.get('catalog/blueprints/');
  const filter = element('input', { type: 'search', oninput: () => draw() });
  const body = element('div');
  const draw = () => {
    const wanted = filter.value.toLowerCase();
    body.replaceChildren(table('Blueprints', [
      ['Blueprint', (one) => [link(`#/blueprints/${encodeURIComponent(one.id)}`, one.name), element('div', { class: 'dim small' }, one.description)]],
      ['Version', (one) => one.version],
      ['Exposure', (one) => badge(one.exposure)],
      ['Category', (one) => one.category_name ?? ''],
    ], all.filter((one) => `${one.name} ${one.description} ${one.version}`.toLowerCase().includes(wanted)), 'There are no blueprints.'));
  };
  draw();
  return [[element('div', { class: 'row spread' }, element('h1', {}, 'Blueprints'), link('#/blueprints/new', 'New blueprint', { class: 'button' })),
    field('Filter', filter), element('p'), body]];
}

export async function blueprintPage(id) {
  if (id === 'new') return newBlueprint();
  const path = `catalog/blueprints/${encodeURIComponent(id)}`;
  const found = await api.get(path);
  const schema = found.spec?.configuration_schema ?? {};
  const defaults = found.spec?.configuration ?? {};
  const properties = Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, property]) => [name, name in defaults ? { ...property, default: defaults[name] } : property]));
  const { block, values } = formOf({ ...schema, properties });
  const name = element('input', { value: found.name, required: true, maxLength: 64 });
  const about = element('input', { value: found.description ?? found.name, required: true });
  const owner = element('input', { value: org(), required: true });
  const user = element('input', { value: localStorage.getItem('guildhall.user') || 'operator', required: true });
  const failed = element('div');
  const launch = doing(async () => {
    failed.replaceChildren();
    localStorage.setItem(ORG, owner.value);
    const configuration = values();
    const body = { guild_name: name.value, description: about.value, org_id: owner.value, user_id: user.value };
    if (Object.keys(configuration).length) body.configuration = configuration;
    try {
      const { id: guild, warnings = [] } = await api.post(`${path}/guilds`, body);
      for (const warning of warnings) notice(typeof warning === 'string' ? warning : warning.msg ?? JSON.stringify(warning));
      location.hash = `#/guilds/${encodeURIComponent(guild)}`;
    } catch (error) {
      failed.replaceChildren(problem(error));
    }
  });
  return [[element('h1', {}, `${found.name} ${found.version}`), element('p', { class: 'dim' }, found.description),
    element('form', { class: 'card', onsubmit: (event) => { event.preventDefault(); launch(); } }, element('h2', {}, 'Launch a guild'),
      field('Name *', name), field('Description *', about), field('Organisation *', owner), field('User *', user), block, failed,
      element('p', {}, element('button', { class: 'main' }, 'Launch'))),
    element('h2', {}, 'Blueprint'), json(found.spec)]];
}

const EXAMPLE = {
  name: 'Echo', description: 'One agent that answers with what it was told', version: 'v1', author_id: 'operator',
  organization_id: 'org', exposure: 'public', category_id: '',
  spec: {
    name: 'Echo', description: 'One agent that answers with what it was told',
    agents: [{ name: 'EchoAgent', description: 'Answers with what it was told', class_name: 'rustic_ai.core.agents.testutils.echo_agent.EchoAgent', additional_topics: ['echo_topic'], listen_to_default_topic: false }],
  },
};

/** Where the text of a JSON parser's error points to: its line. */
function lineOf(text, error) {
  const at = Number(/position (\d+)/.exec(error.message)?.[1]);
  return Number.isNaN(at) ? '' : ` (line ${text.slice(0, at).split('\n').length})`;
}

/** The line of a text that a path of the host's error names, as far as its members can be found in order. */
function lineOfPath(text, where) {
  let at = 0;
  for (const step of where.split('.').slice(1)) {
    if (/^\d+$/.test(step)) continue;
    const found = text.indexOf(`"${step}"`, at);
    if (found < 0) break;
    at = found;
  }
  return text.slice(0, at).split('\n').length;
}

async function newBlueprint() {
  const categories = await api.get('catalog/categories/');
  const text = element('textarea', { class: 'code', rows: 24, spellcheck: false, value: JSON.stringify({ ...EXAMPLE, organization_id: org(), category_id: categories[0]?.id ?? '' }, null, 2) });
  const answer = element('div');
  const create = doing(async () => {
    let body;
    try {
      body = JSON.parse(text.value);
    } catch (error) {
      answer.replaceChildren(problem({ message: `This is no JSON: ${error.message}${lineOf(text.value, error)}` }));
      return;
    }
    try {
      const { id, warnings = [] } = await api.post('catalog/blueprints/', body);
      for (const warning of warnings) notice(typeof warning === 'string' ? warning : warning.msg ?? JSON.stringify(warning));
      location.hash = `#/blueprints/${encodeURIComponent(id)}`;
    } catch (error) {
      for (const detail of error.details ?? []) detail.where += ` (line ${lineOfPath(text.value, detail.where)})`;
      answer.replaceChildren(problem(error));
    }
  });
  const category = categories.length === 0 && element('p', { class: 'problem light' }, 'A blueprint needs a category, and there is none. ',
    button('Make the category General', doing(async () => {
      const { id } = await api.post('catalog/categories/', { name: 'General', description: 'Blueprints of this host' });
      text.value = text.value.replace('"category_id": ""', `"category_id": "${id}"`);
      notice('The category is made');
    })));
  return [[element('h1', {}, 'New blueprint'), category,
    field('Blueprint, as JSON', text, 'The host checks it and names each mistake; nothing is stored until it is right.'), answer,
    element('p', {}, button('Create', create, 'main'))]];
}
