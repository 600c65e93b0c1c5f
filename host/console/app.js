// The console: chooses the page by the part of the address behind `#`.

import * as api from './api.js';
import { element, link, problem } from './dom.js';
import { guildsPage } from './guilds.js';
import { guildPage } from './guild.js';
import { blueprintPage, blueprintsPage } from './blueprints.js';
import { componentPage, componentsPage } from './components.js';

const PAGES = [['guilds', 'Guilds'], ['blueprints', 'Blueprints'], ['components', 'Components']];
/** How often the page asks whether the host is ready. */
const READY_MS = 5_000;
/** The pause before a page is opened again that could not be shown because the host was away. */
const AGAIN_MS = 2_000;

const main = document.getElementById('main');
const nav = document.getElementById('nav');
const host = document.getElementById('host');
let end;
let again;
let shown = 0;

function page([kind, id, ...more]) {
  if (kind === 'guilds') return id ? guildPage(id, ...more) : guildsPage();
  if (kind === 'blueprints') return id ? blueprintPage(id, ...more) : blueprintsPage();
  if (kind === 'components') return id ? componentPage(id) : componentsPage();
  return [[element('h1', {}, 'There is no such page'), link('#/guilds', 'Guilds')]];
}

/** A part of the address; one that is not encoded well is taken as it is. */
function decoded(part) {
  try { return decodeURIComponent(part); } catch { return part; }
}

async function open() {
  const number = ++shown;
  clearTimeout(again);
  const parts = location.hash.replace(/^#\/?/, '').split('/').map(decoded);
  if (!parts[0]) parts[0] = 'guilds';
  nav.replaceChildren(...PAGES.map(([path, title]) => link(`#/${path}`, title, { 'aria-current': path === parts[0] ? 'page' : null })), link('docs', 'API'));
  end?.();
  end = undefined;
  main.setAttribute('aria-busy', 'true');
  try {
    const [elements, over] = await page(parts);
    if (number !== shown) { over?.(); return; }
    end = over;
    main.replaceChildren(...[elements].flat(9).filter(Boolean));
  } catch (error) {
    if (number !== shown) return;
    if (!(error instanceof api.ApiError)) console.warn(error);
    else if ([0, 503].includes(error.status)) again = setTimeout(open, AGAIN_MS);
    main.replaceChildren(element('h1', {}, 'This page cannot be shown'), problem(error), element('p', {}, link('#/guilds', 'Guilds')));
  } finally {
    main.removeAttribute('aria-busy');
  }
  const title = main.querySelector('h1')?.textContent;
  document.title = title ? `${title} – Guildhall` : 'Guildhall';
  if (number > 1) main.focus({ preventScroll: true });
}

/** Says which part of the host is away. */
async function ready() {
  try {
    await api.get('readyz', { signal: AbortSignal.timeout(READY_MS * 2) });
    if (host.dataset.away) {
      delete host.dataset.away;
      dispatchEvent(new Event(api.BACK));
    }
    host.textContent = 'ready';
    host.className = 'dim';
  } catch (error) {
    host.dataset.away = '1';
    host.textContent = error.status ? `not ready: ${error.context?.part ?? error.message}` : 'the host cannot be reached';
    host.className = 'bad';
  }
}

async function watch() {
  await ready();
  setTimeout(watch, READY_MS);
}

addEventListener('hashchange', open);
open();
watch();
