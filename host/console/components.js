// Components: uploaded with progress, with what they import and which grants that needs; what uses them; bound, given to running
// agents, and deleted.

import * as api from './api.js';
import { putComponent, written } from './agents.js';
import { badge, button, confirmed, dialog, doing, element, field, json, link, notice, problem, size, status, table, time } from './dom.js';

/** How long one request waits for a compiler, and the pause after one that failed. */
const WAIT_S = 5;
const AGAIN_MS = 2_000;

const of = (digest) => `catalog/components/${encodeURIComponent(digest)}`;
const page = (digest) => `#/components/${encodeURIComponent(digest)}`;
const nameOf = (one) => one.names.join(', ') || one.name || one.class_name || 'no name';
const grantsOf = (one) => (one.grants.length ? one.grants.map((grant) => [badge(grant), ' ']) : element('span', { class: 'dim' }, 'no grant'));

const COLUMNS = [
  ['Component', (one) => [link(page(one.digest), nameOf(one)), element('div', { class: 'dim small' }, element('code', {}, one.digest.slice(0, 19)), ` · ${size(one.size)}`), one.summary && element('div', { class: 'small' }, one.summary)]],
  ['State', (one) => [status(one.state), one.reason && element('div', { class: 'small bad' }, one.reason)]],
  ['Class', (one) => element('code', { class: 'small' }, one.class_name ?? '–')],
  ['Needs', grantsOf],
  ['Since', (one) => time(one.created_at), 'keep'],
];

export async function componentsPage() {
  const list = element('div');
  let isShown = true;
  const load = async () => {
    const { items } = await api.getAll('catalog/components');
    list.replaceChildren(table('Components', COLUMNS, items.reverse(), 'No component was uploaded yet.'));
    return items.find(({ state }) => state === 'compiling');
  };
  /** Reads the list again as long as something in it is being compiled. */
  const follow = async () => {
    for (let compiling = await load(); compiling && isShown; compiling = await load()) await settled(compiling.digest);
  };
  follow().catch((error) => list.replaceChildren(problem(error)));
  return [[element('h1', {}, 'Components'), uploadForm(follow), element('p'), list], () => { isShown = false; }];
}

/** The component once its compilation has ended, or as it is after some seconds. */
async function settled(digest) {
  try {
    return await api.get(`${of(digest)}?wait=${WAIT_S}`);
  } catch (error) {
    if (error.status) throw error;
    await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
    return { digest, state: 'compiling' };
  }
}

function uploadForm(changed) {
  const answer = element('div', { role: 'status' });
  const file = element('input', { type: 'file', accept: '.wasm,application/wasm', required: true });
  const name = element('input', { autocomplete: 'off' });
  const version = element('input', { autocomplete: 'off', size: 10 });
  const bind = element('input', { type: 'checkbox' });
  const bar = element('progress', { max: 1, value: 0, hidden: true, 'aria-label': 'Upload' });
  const send = doing(async () => {
    answer.replaceChildren();
    const query = new URLSearchParams();
    if (name.value || version.value) { query.set('name', name.value); query.set('version', version.value); }
    if (bind.checked) query.set('bind', '1');
    bar.hidden = false;
    try {
      let found = await api.upload('POST', `catalog/components?${query}`, file.files[0], 'application/wasm', (part) => { bar.value = part; });
      if (found.state === 'compiling') {
        bar.removeAttribute('value');
        answer.replaceChildren(element('p', { class: 'dim' }, 'The component is stored and is being compiled.'));
        while (found.state === 'compiling') found = await settled(found.digest);
      }
      answer.replaceChildren(found.state === 'ready' ? element('div', { class: 'card' },
        element('p', {}, element('strong', {}, 'The component is ready: '), link(page(found.digest), nameOf(found))),
        element('p', {}, 'Needs ', grantsOf(found)), (found.warnings ?? []).map((text) => element('p', { class: 'warn' }, text)))
        : problem({ message: `The component is ${found.state}: ${found.reason ?? ''}`, hint: about(found.refusal?.context) }));
    } catch (error) {
      answer.replaceChildren(problem({ ...error, message: error.message, hint: error.hint ?? about(error.context) }));
    } finally {
      bar.hidden = true;
      bar.value = 0;
    }
    changed().catch(() => {});
  });
  return element('form', { class: 'card', onsubmit: (event) => { event.preventDefault(); send(); } }, element('h2', {}, 'Upload'),
    field('File', file, 'A WebAssembly component (.wasm) that exports the interface of an agent'),
    element('div', { class: 'row' }, field('Name', name), field('Version', version), field('Serve its class with this component', bind)),
    element('p', {}, element('button', { class: 'main' }, 'Upload')), bar, answer);
}

/** The values that a refusal names, as a text. */
const about = (context) => Object.entries(context ?? {}).map(([key, value]) => `${key}: ${typeof value === 'object' ? JSON.stringify(value) : value}`).join(', ').slice(0, 500);

export async function componentPage(digest) {
  const one = await api.get(of(digest));
  const users = await api.get(`${of(digest)}/users`);
  const bind = doing(async () => {
    await api.put(`catalog/agents/${encodeURIComponent(one.class_name)}/component`, { component: one.digest });
    notice(`${one.class_name} is served by this component from now on; guilds that run keep theirs`);
  });
  const remove = doing(async () => {
    if (!await confirmed('Delete the component?', 'Its bytes are gone for good; its names stay taken. Classes, blueprints and guilds that use it keep it from being deleted.', 'Delete')) return;
    await api.remove(of(digest));
    notice('The component is deleted');
    location.hash = '#/components';
  });
  const isReady = one.state === 'ready';
  return [[element('div', { class: 'row spread' }, element('div', { class: 'row' }, element('h1', {}, nameOf(one)), status(one.state)),
    element('div', { class: 'row' }, isReady && one.class_name && button('Bind', bind), isReady && button('Give to an agent', doing(() => give(one))), button('Delete', remove, 'danger'))),
  element('p', { class: 'dim small' }, element('code', {}, one.digest), ` · ${size(one.size)} · `, time(one.created_at)),
  one.summary && element('p', {}, one.summary), one.reason && problem({ message: one.reason, hint: about(one.refusal?.context) }),
  (one.warnings ?? []).map((text) => element('p', { class: 'warn' }, text)),
  element('h2', {}, 'Class'), element('p', {}, element('code', {}, one.class_name ?? 'none'), one.class_served_by && [' is served by ', link(page(one.class_served_by), one.class_served_by.slice(0, 19))]),
  element('h2', {}, 'Versions'), list(one.names, (name) => element('code', {}, name), 'It has no name.'),
  element('h2', {}, 'Used by'), list(users, user, 'Nothing uses it.'),
  element('h2', {}, 'Grants'), element('p', {}, grantsOf(one)), element('p', { class: 'dim small' }, 'A blueprint asks for a grant in the `sandbox` of its agent; the operator allows it with `policy.…`.'),
  element('h2', {}, 'Imports'), list(one.imports, (name) => element('code', {}, name), 'It imports nothing.'),
  one.description && [element('h2', {}, 'How it describes itself'), json(one.description)]]];
}

const list = (items, shown, none) => (items.length ? element('ul', { class: 'plain' }, items.map((item) => element('li', {}, shown(item)))) : element('p', { class: 'dim' }, none));

function user({ kind, id }) {
  switch (kind) {
    case 'guild': return ['guild ', link(`#/guilds/${encodeURIComponent(id)}/agents`, id)];
    case 'blueprint': return ['blueprint ', link(`#/blueprints/${encodeURIComponent(id)}`, id)];
    case 'class': return ['class ', element('code', {}, id)];
    default: return 'the host itself';
  }
}

/** Asks which agent of which guild is to run a component. */
async function give(component) {
  const { items } = await api.getAll('api/guilds');
  const running = items.reverse().filter(({ status: now }) => now !== 'stopped' && now !== 'stopping');
  const agent = element('select', {});
  const failed = element('div');
  const guild = element('select', { onchange: doing(() => load()) }, running.map(({ id, name }) => element('option', { value: id }, `${name} (${id})`)));
  const load = async () => {
    const found = guild.value ? written(await api.get(`api/guilds/${encodeURIComponent(guild.value)}`)) : [];
    agent.replaceChildren(...found.map(({ id, name, class_name: kind }) => element('option', { value: id, selected: kind === component.class_name }, `${name} (${kind})`)));
  };
  await load();
  const shown = dialog('Give the component to an agent', running.length === 0 && element('p', {}, 'No guild runs.'), field('Guild', guild), field('Agent', agent), failed,
    element('p', { class: 'row' }, button('Swap', doing(async () => {
      try {
        await putComponent(guild.value, agent.value, component.digest);
        shown.close();
      } catch (error) {
        failed.replaceChildren(problem(error));
      }
    }), 'main'), button('Cancel', () => shown.close())));
}
