// Builds elements. A text is always a text node: nothing that comes from the host is parsed as HTML.

/** An element with properties (`class`, `on` + event, `aria-…`, others) and children: nodes, texts, lists, or nothing. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === 'class') made.className = value;
    else if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else if (key in made && !key.includes('-') && key !== 'list') made[key] = value;
    else made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children.flat(9).filter((child) => child !== undefined && child !== null && child !== false));
  return made;
}

export const link = (href, text, properties = {}) => element('a', { href, ...properties }, text);
export const button = (text, onclick, kind = '') => element('button', { type: 'button', class: kind, onclick }, text);
export const badge = (text, kind = '') => element('span', { class: `badge ${kind}` }, text);

/** A table. `columns` are `[title, cell(row), class]`. */
export function table(caption, columns, rows, none = 'There is nothing here yet.') {
  if (rows.length === 0) return element('p', { class: 'dim' }, none);
  const head = columns.map(([title, , kind]) => element('th', { scope: 'col', class: kind }, title));
  const body = rows.map((row) => element('tr', {}, columns.map(([, cell, kind]) => element('td', { class: kind }, cell(row)))));
  return element('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    element('table', {}, element('thead', {}, element('tr', {}, head)), element('tbody', {}, body)));
}

/** A field with its label and help. Returns its block; the control has the id. */
let fields = 0;
export function field(text, control, help) {
  control.id ||= `field-${++fields}`;
  const about = help && element('p', { class: 'help', id: `${control.id}-help` }, help);
  if (about) control.setAttribute('aria-describedby', about.id);
  return element('div', {}, element('label', { htmlFor: control.id }, text), control, about);
}

/** What failed: the host's own words, its hint, and where in the request the mistake is. */
export function problem(error) {
  const lines = (error.details ?? []).map((detail) => element('p', {}, detail.line, ' ', element('code', {}, detail.where), ` ${detail.text}`));
  return element('div', { class: 'problem', role: 'alert' },
    element('p', {}, element('strong', {}, error.message || String(error))), lines,
    error.hint && element('p', { class: 'dim' }, error.hint),
    error.trace && element('p', { class: 'dim small' }, `trace ${error.trace}`));
}

/** Shows a short notice for some seconds. */
export function notice(text, kind = '') {
  const shown = element('div', { class: kind }, text);
  document.getElementById('notices').append(shown);
  setTimeout(() => shown.remove(), kind === 'bad' ? 12_000 : 5_000);
}

/** Opens a dialog that is gone once it is closed. */
export function dialog(title, ...children) {
  const shown = element('dialog', { 'aria-labelledby': 'dialog-title', onclose: () => shown.remove() }, element('h2', { id: 'dialog-title' }, title), children);
  document.body.append(shown);
  shown.showModal();
  return shown;
}

/** Asks before something is destroyed. Resolves to whether the answer was yes. */
export function confirmed(title, text, yes) {
  return new Promise((resolve) => {
    const close = (answer) => () => { resolve(answer); shown.close(); };
    const shown = dialog(title, element('p', {}, text),
      element('div', { class: 'row' }, button(yes, close(true), 'danger'), button('Cancel', close(false))));
    shown.addEventListener('close', () => resolve(false));
  });
}

/** Runs what a button does; meanwhile the button is disabled, and a failure is shown. */
export function doing(work) {
  return async (event) => {
    const pressed = event?.currentTarget;
    if (pressed) pressed.disabled = true;
    try {
      await work(event);
    } catch (error) {
      notice([error.message, error.hint].filter(Boolean).join(' – '), 'bad');
    } finally {
      if (pressed) pressed.disabled = false;
    }
  };
}

/** Opens the page that is shown again. */
export const reopen = () => dispatchEvent(new Event('hashchange'));

const KINDS = { running: 'good', asleep: 'dim', stopped: 'dim', ok: 'good', ready: 'good', warning: 'warn', backlogged: 'warn', error: 'bad', refused: 'bad', failed: 'bad' };
export const status = (text) => badge(String(text).replaceAll('_', ' '), KINDS[text] ?? '');

/** A time of the API: milliseconds since 1970, or a text in UTC with or without its zone. */
export function time(value) {
  const text = typeof value === 'string' && !/[zZ]|[+-]\d\d:?\d\d$/.test(value) ? `${value}Z` : value;
  const date = new Date(text);
  if (value === undefined || value === null || Number.isNaN(date.getTime())) return element('span', {}, '–');
  const isToday = date.toDateString() === new Date().toDateString();
  return element('time', { dateTime: date.toISOString(), title: date.toISOString() },
    isToday ? date.toLocaleTimeString() : date.toLocaleString());
}

export function size(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let at = 0;
  while (bytes >= 1024 && at < units.length - 1) { bytes /= 1024; at += 1; }
  return `${at ? bytes.toFixed(1) : bytes} ${units[at]}`;
}

export const json = (value) => element('pre', { tabindex: 0 }, JSON.stringify(value, null, 2));

const GROUPED = new Intl.NumberFormat();
const COMPACT = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });

/** A number as people read it; a large one is shortened. */
export const number = (value) => (value < 100_000 ? GROUPED : COMPACT).format(value);

/** How much of a limit is used: a bar and a text. */
export const share = (name, value, limit, shown) => [element('meter', { min: 0, max: limit, value: Math.min(value, limit), high: limit * 0.8, 'aria-label': name }),
  element('span', { class: 'small' }, ` ${shown(value)} of ${shown(limit)}`)];
