// Components: uploaded with progress, with what they import and which grants that needs; bound and removed.

import * as api from './api.js';
import { badge, button, confirmed, doing, element, field, json, notice, problem, size, status, table, time } from './dom.js';

/** How often a component that compiles is asked for. */
const EVERY_MS = 1_000;

export async function componentsPage() {
  const list = element('div');
  const answer = element('div');
  const load = async () => { list.replaceChildren(table('Components', COLUMNS(load), await api.get('catalog/components'), 'No component was uploaded yet.')); };
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
      await load();
      while (found.state === 'compiling') {
        bar.removeAttribute('value');
        found = await api.get(`catalog/components/${found.digest}?wait_s=5`);
      }
      answer.replaceChildren(found.state === 'ready'
        ? element('div', { class: 'card' }, element('p', {}, element('strong', {}, 'The component is ready: '), element('code', {}, found.class_name ?? found.digest)), (found.warnings ?? []).map((text) => element('p', { class: 'warn' }, text)))
        : problem({ message: found.reason ?? `The component is ${found.state}`, hint: found.refusal && JSON.stringify(found.refusal) }));
    } catch (error) {
      answer.replaceChildren(problem(error));
    } finally {
      bar.hidden = true;
      bar.value = 0;
    }
    await load();
  });
  await load();
  const timer = setInterval(() => list.querySelector('.compiling') && load().catch(() => {}), EVERY_MS);
  return [[element('h1', {}, 'Components'),
    element('form', { class: 'card', onsubmit: (event) => { event.preventDefault(); send(); } }, element('h2', {}, 'Upload'),
      field('File', file, 'A WebAssembly component (.wasm) that exports the interface of an agent'),
      element('div', { class: 'row' }, field('Name', name), field('Version', version), field('Serve its class with this component', bind)),
      element('p', {}, element('button', { class: 'main' }, 'Upload')), bar, answer),
    element('p'), list], () => clearInterval(timer)];
}

const COLUMNS = (load) => [
  ['Component', (one) => [element('strong', {}, one.names.join(', ') || one.name || one.class_name || 'no name'), element('div', { class: 'dim small' }, element('code', {}, one.digest.slice(0, 19)), ` · ${size(one.size)}`), one.summary && element('div', { class: 'small' }, one.summary)]],
  ['State', (one) => [element('span', { class: one.state }, status(one.state)), one.reason && element('div', { class: 'small bad' }, one.reason)]],
  ['Class', (one) => element('code', { class: 'small' }, one.class_name ?? '–')],
  ['Needs', (one) => (one.grants.length ? one.grants.map((grant) => [badge(grant), ' ']) : element('span', { class: 'dim' }, 'no grant'))],
  ['Imports', (one) => element('details', {}, element('summary', {}, `${one.imports.length}`), element('ul', { class: 'plain small' }, one.imports.map((name) => element('li', {}, element('code', {}, name)))), json(one.description))],
  ['Since', (one) => time(one.created_at), 'keep'],
  ['Actions', (one) => [
    one.state === 'ready' && one.class_name && button('Bind', doing(async () => {
      const path = `catalog/agents/${encodeURIComponent(one.class_name)}/component`;
      await api.put(path, { component: one.digest });
      notice(`${one.class_name} is served by this component from now on`);
      await load();
    })), ' ',
    button('Delete', doing(async () => {
      if (!await confirmed('Delete the component?', 'Guilds and blueprints that use it keep it from being deleted.', 'Delete')) return;
      await api.remove(`catalog/components/${one.digest}`);
      await load();
    }), 'danger')], 'keep'],
];
