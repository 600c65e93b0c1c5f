// A safe subset of Markdown: headings, paragraphs, lists, quotes, rules, code, bold, italics, links to http(s). It builds
// elements, so a text can never become HTML or a script.

import { element } from './dom.js';

/** The most characters that are read as Markdown; longer texts are shown as they are. */
const MOST = 100_000;
const INLINE = /(`[^`\n]+`)|(\*\*[^*\n]+\*\*)|(\*[^*\s][^*\n]*\*)|\[([^\]\n]+)\]\((https?:\/\/[^\s)]+)\)|(https?:\/\/[^\s<>"')\]]+)/g;

function inline(text) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(INLINE)) {
    parts.push(text.slice(at, found.index));
    const [whole, code, bold, italic, name, target, plain] = found;
    if (code) parts.push(element('code', {}, code.slice(1, -1)));
    else if (bold) parts.push(element('strong', {}, bold.slice(2, -2)));
    else if (italic) parts.push(element('em', {}, italic.slice(1, -1)));
    else parts.push(element('a', { href: target ?? plain, rel: 'noopener noreferrer', target: '_blank' }, name ?? plain));
    at = found.index + whole.length;
  }
  return [...parts, text.slice(at)];
}

const broken = (lines) => lines.flatMap((line, index) => (index ? [element('br'), ...inline(line)] : inline(line)));

const BLOCKS = [
  [/^#{1,6}\s+/, (lines) => element('h3', { class: !lines[0].startsWith('# ') && 'lower' }, inline(lines[0].replace(/^#+\s+/, '')))],
  [/^\s*([-*_])(\s*\1){2,}\s*$/, () => element('hr')],
  [/^>\s?/, (lines) => element('blockquote', {}, broken(lines.map((line) => line.replace(/^>\s?/, ''))))],
  [/^\s*[-*+]\s+/, (lines) => element('ul', {}, lines.map((line) => element('li', {}, inline(line.replace(/^\s*[-*+]\s+/, '')))))],
  [/^\s*\d+[.)]\s+/, (lines) => element('ol', {}, lines.map((line) => element('li', {}, inline(line.replace(/^\s*\d+[.)]\s+/, '')))))],
];
const kindOf = (line) => BLOCKS.findIndex(([begins]) => begins.test(line));

/** The elements of a text. */
export function markdown(text) {
  if (text.length > MOST) return [element('pre', { tabindex: 0 }, text)];
  const lines = text.split('\n');
  const made = [];
  for (let at = 0; at < lines.length;) {
    const line = lines[at];
    if (line.startsWith('```')) {
      const end = lines.findIndex((other, index) => index > at && other.startsWith('```'));
      const last = end < 0 ? lines.length : end;
      made.push(element('pre', { tabindex: 0 }, element('code', {}, lines.slice(at + 1, last).join('\n'))));
      at = last + 1;
    } else if (line.trim() === '') {
      at += 1;
    } else {
      const kind = kindOf(line);
      let end = at + 1;
      const isSingle = kind === 0 || kind === 1;
      while (!isSingle && end < lines.length && lines[end].trim() && !lines[end].startsWith('```') && kindOf(lines[end]) === kind) end += 1;
      const part = lines.slice(at, end);
      made.push(kind < 0 ? element('p', {}, broken(part)) : BLOCKS[kind][1](part));
      at = end;
    }
  }
  return made;
}
