// Blueprints: read, checked, made, launched with a form of their configuration, deleted.

import * as api from './api.js';
import { badge, button, confirmed, doing, element, field, json, link, notice, problem, table, time } from './dom.js';
import { formOf } from './form.js';
import { goToLine, lineAt, lineOfError } from './source.js';

const ORG = 'guildhall.org';
const org = () => localStorage.getItem(ORG) || 'org';
const of = (id) => `catalog/blueprints/${encodeURIComponent(id)}`;
const page = (id) => `#/blueprints/${encodeURIComponent(id)}`;

export async function blueprintsPage() {
  const { items, isMore } = await api.getAll('catalog/blueprints/');
  const filter = element('input', { type: 'search', oninput: () => draw() });
  const body = element('div');
  const draw = () => {
    const wanted = filter.value.toLowerCase();
    const found = items.filter((one) => `${one.name} ${one.description} ${one.version}`.toLowerCase().includes(wanted));
    body.replaceChildren(table('Blueprints', [
      ['Blueprint', (one) => [link(page(one.id), one.name), element('div', { class: 'dim small' }, one.description)]],
      ['Version', (one) => one.version],
      ['Exposure', (one) => badge(one.exposure)],
      ['Category', (one) => one.category_name ?? ''],
      ['Since', (one) => time(one.created_at), 'keep'],
    ], found.slice(0, ROWS), items.length ? 'No blueprint has this in its name, description or version.' : 'There are no blueprints yet.'),
    (isMore || found.length > ROWS) && element('p', { class: 'dim' }, `Only ${ROWS} are shown; the filter finds others.`) || '');
  };
  draw();
  return [[element('div', { class: 'row spread' }, element('h1', {}, 'Blueprints'), link('#/blueprints/new', 'New blueprint', { class: 'button' })),
    field('Filter', filter), element('p'), body]];
}
/** The most blueprints that are shown at a time. */
const ROWS = 500;

/** `#/blueprints/ID`, `#/blueprints/new`, or `#/blueprints/new/ID`: a new one like another. */
export async function blueprintPage(id, like) {
  if (id === 'new') return newBlueprint(like);
  const found = await api.get(of(id));
  const remove = doing(async () => {
    if (!await confirmed('Delete the blueprint?', `${found.name} ${found.version} is deleted with its reviews. Guilds that were launched from it keep it from being deleted.`, 'Delete')) return;
    await api.remove(of(id));
    notice('The blueprint is deleted');
    location.hash = '#/blueprints';
  });
  return [[element('div', { class: 'row spread' }, element('h1', {}, `${found.name} ${found.version}`),
    element('div', { class: 'row' }, link(`#/blueprints/new/${encodeURIComponent(id)}`, 'New version', { class: 'button' }), button('Delete', remove, 'danger'))),
  element('p', { class: 'dim' }, found.description), launchForm(id, found), element('h2', {}, 'Blueprint'), json(found.spec)]];
}

function launchForm(id, found) {
  const schema = found.spec?.configuration_schema ?? {};
  const defaults = found.spec?.configuration ?? {};
  const properties = Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, property]) => [name, name in defaults ? { ...property, default: defaults[name] } : property]));
  const { block, values } = formOf({ ...schema, properties });
  const name = element('input', { value: found.name.slice(0, 64), required: true, maxLength: 64 });
  const about = element('input', { value: found.description ?? found.name, required: true });
  const owner = element('input', { value: org(), required: true });
  const user = element('input', { value: localStorage.getItem('guildhall.user') || 'operator', required: true });
  const failed = element('div');
  const launch = doing(async () => {
    failed.replaceChildren();
    localStorage.setItem(ORG, owner.value);
    let configuration;
    try { configuration = values(); } catch { return; }
    const body = { guild_name: name.value, description: about.value, org_id: owner.value, user_id: user.value };
    if (Object.keys(configuration).length) body.configuration = configuration;
    try {
      const { id: guild, warnings = [] } = await api.post(`${of(id)}/guilds`, body);
      warnings.forEach((warning) => notice(warning));
      location.hash = `#/guilds/${encodeURIComponent(guild)}`;
    } catch (error) {
      failed.replaceChildren(problem(error));
    }
  });
  return element('form', { class: 'card', onsubmit: (event) => { event.preventDefault(); launch(); } }, element('h2', {}, 'Launch a guild'),
    field('Name *', name), field('Description *', about), field('Organisation *', owner), field('User *', user), block, failed,
    element('p', {}, element('button', { class: 'main' }, 'Launch')));
}

const EXAMPLE = {
  name: 'Echo', description: 'One agent that answers with what it was told', version: 'v1', author_id: 'operator',
  organization_id: 'org', exposure: 'public', category_id: '',
  spec: {
    name: 'Echo', description: 'One agent that answers with what it was told',
    agents: [{ name: 'EchoAgent', description: 'Answers with what it was told', class_name: 'rustic_ai.core.agents.testutils.echo_agent.EchoAgent', additional_topics: ['echo_topic'], listen_to_default_topic: false }],
  },
};
/** What a blueprint is made with; the rest of what the host says of one is its own. */
const MEMBERS = ['name', 'description', 'version', 'author_id', 'organization_id', 'exposure', 'category_id', 'icon', 'intro_msg', 'tags', 'commands', 'starter_prompts', 'spec'];

/** A blueprint like another one, to be changed. */
async function likeOf(id) {
  const other = await api.get(of(id));
  return Object.fromEntries(MEMBERS.filter((name) => other[name] !== null && other[name] !== undefined).map((name) => [name, other[name]]));
}

async function newBlueprint(like) {
  const categories = await api.get('catalog/categories/');
  const begin = like ? await likeOf(like) : { ...EXAMPLE, organization_id: org(), category_id: categories[0]?.id ?? '' };
  const text = element('textarea', { class: 'code', rows: 24, spellcheck: false, value: JSON.stringify(begin, null, 2) });
  const answer = element('div', { role: 'status' });
  const place = (line) => line && button(`line ${line}`, () => goToLine(text, line), 'line');
  const mistakes = (error) => {
    for (const detail of error.details) detail.line = place(lineAt(text.value, detail.loc.slice(1)));
    return problem(error);
  };
  /** A sentence of the host that may begin with a path, `agents.0.topics: …`, within the blueprint or its spec. */
  const warning = (sentence) => {
    const path = /^[\w.-]+(?=: )/.exec(sentence)?.[0].split('.');
    const line = path && Math.max(lineAt(text.value, path), lineAt(text.value, ['spec', ...path]));
    return element('p', { class: 'warn' }, place(line), ' ', sentence);
  };
  /** Sends the text, and shows what the host says of it. */
  const sending = (work) => doing(async () => {
    answer.replaceChildren();
    let body;
    try {
      body = JSON.parse(text.value);
    } catch (error) {
      answer.replaceChildren(problem({ message: 'This is no JSON', details: [{ line: place(lineOfError(text.value, error)), where: '', text: error.message }] }));
      return;
    }
    try {
      await work(body);
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      answer.replaceChildren(mistakes(error));
    }
  });
  const check = sending(async (body) => {
    const { warnings } = await api.post('catalog/blueprints/validate', body);
    answer.replaceChildren(element('div', { class: 'problem right' }, element('p', {}, element('strong', {}, 'The host takes this blueprint.')), warnings.map(warning)));
  });
  const create = sending(async (body) => {
    const { id, warnings = [] } = await api.post('catalog/blueprints/', body);
    warnings.forEach((one) => notice(one));
    location.hash = page(id);
  });
  const category = categories.length === 0 && element('p', { class: 'problem light' }, 'A blueprint may be in a category, and there is none. ',
    button('Make the category General', doing(async (event) => {
      const { id } = await api.post('catalog/categories/', { name: 'General', description: 'Blueprints of this host' });
      text.value = text.value.replace('"category_id": ""', `"category_id": "${id}"`);
      event.target.closest('p').remove();
      notice('The category is made');
    })));
  return [[element('h1', {}, 'New blueprint'), category,
    field('Blueprint, as JSON', text, 'The host checks it and names each mistake; nothing is stored until it is right.'), answer,
    element('p', { class: 'row' }, button('Check', check), button('Create', create, 'main'))]];
}
