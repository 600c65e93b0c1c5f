// A long table that changes while it is shown: rows and cells stay where they are and are drawn again only when what they
// show has changed, so that nobody loses the focus or a place. Rows that are out of sight cost nothing (`console.css`).

import { element } from './dom.js';

/**
 * `columns` are `{ title, kind, of(item), cell(item) }`: a cell is drawn again when `of(item)` has changed. `name` is the
 * class of the table, which has the widths.
 */
export class Rows {
  #rows = new Map();

  constructor(name, caption, columns, keyOf) {
    Object.assign(this, { columns, keyOf });
    const head = columns.map(({ title, kind }) => element('th', { scope: 'col', role: 'columnheader', class: kind }, title));
    this.body = element('tbody', { role: 'rowgroup' });
    this.block = element('table', { class: `rows ${name}`, role: 'table', 'aria-label': caption },
      element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, head)), this.body);
  }

  /** Shows these items, in this order. */
  show(items) {
    const seen = new Set();
    let place = this.body.firstElementChild;
    for (const item of items) {
      const key = this.keyOf(item);
      seen.add(key);
      const row = this.#row(key, item);
      if (row === place) place = place.nextElementSibling; else this.body.insertBefore(row, place);
    }
    for (const [key, { row }] of this.#rows) {
      if (seen.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
  }

  #row(key, item) {
    let known = this.#rows.get(key);
    if (!known) {
      const cells = this.columns.map(({ title, kind }) => element('td', { role: 'cell', class: kind, 'data-title': title }));
      known = { row: element('tr', { role: 'row' }, cells), cells, drawn: [] };
      this.#rows.set(key, known);
    }
    this.columns.forEach(({ of, cell }, index) => {
      const now = JSON.stringify(of(item)) ?? '';
      if (known.drawn[index] === now) return;
      known.drawn[index] = now;
      known.cells[index].replaceChildren(...[cell(item)].flat(9).filter((one) => one !== undefined && one !== null && one !== false));
    });
    return known.row;
  }
}
