// Shows what a message says: one function for each format that a person would rather look at than read.

import { button, element, json, link, table } from './dom.js';
import { base } from './api.js';
import { markdown } from './markdown.js';
import { formOf } from './form.js';

/** `TextFormat` for `rustic_ai.core.ui_protocol.types.TextFormat`. */
export const short = (format) => String(format).split('.').pop();

/** Files of guilds are shown; anything else is a link that a person follows on purpose. */
function fileUrl(guild, { url, mediaLink, name } = {}) {
  const target = url ?? mediaLink?.url ?? name;
  if (!target) return undefined;
  const folder = new URL(`api/guilds/${encodeURIComponent(guild)}/files/`, base);
  // A path from the root is meant from the root of the host, which may be below a prefix.
  const found = target.startsWith('/') ? new URL(target.replace(/^\/+/, ''), base) : new URL(target, folder);
  return ['http:', 'https:'].includes(found.protocol) ? found : undefined;
}
const isOwn = (url) => url?.origin === base.origin;

function file(guild, data) {
  const url = fileUrl(guild, data);
  const name = data.name ?? data.mediaLink?.name ?? url?.pathname.split('/').pop() ?? 'file';
  if (!url) return element('span', {}, name);
  return isOwn(url) ? link(url.href, name, { download: name }) : link(url.href, name, { target: '_blank', rel: 'noopener noreferrer' });
}

function media(kind) {
  return (payload, { guild }) => {
    const url = fileUrl(guild, { url: payload.src, mediaLink: payload.mediaLink });
    const about = payload.alt ?? payload.transcript ?? payload.title ?? kind;
    const shown = url && isOwn(url) && (kind === 'img'
      ? element('img', { src: url.href, alt: about, loading: 'lazy' })
      : element(kind, { src: url.href, controls: true, preload: 'metadata', 'aria-label': about }));
    const isData = kind === 'img' && /^data:image\/(png|jpeg|gif|webp);/.test(payload.src ?? '');
    return [isData ? element('img', { src: payload.src, alt: about }) : shown,
      url && !isData && element('p', { class: 'small' }, file(guild, { ...payload, url: payload.src, name: payload.alt })),
      payload.transcript && element('details', {}, element('summary', {}, 'Transcript'), element('p', {}, payload.transcript))];
  };
}

function asTable({ data = [], headers, alt, title }) {
  const keys = headers?.map(({ dataKey }) => dataKey) ?? [...new Set(data.slice(0, 100).flatMap((row) => Object.keys(row)))];
  const names = new Map(headers?.map(({ dataKey, label }) => [dataKey, label ?? dataKey]));
  const isNumber = (key) => data.every((row) => row[key] === undefined || typeof row[key] === 'number');
  const columns = keys.map((key) => [names.get(key) ?? key, (row) => String(row[key] ?? ''), isNumber(key) ? 'number' : '']);
  const shown = data.slice(0, 500);
  return [table(title ?? alt ?? 'Table', columns, shown),
    shown.length < data.length && element('p', { class: 'dim' }, `${data.length - shown.length} more rows are not shown.`)];
}

/** A chart as its text: this page loads no renderer from elsewhere. */
const chart = (name, member, editor) => (payload) => [
  payload.alt && element('p', {}, payload.alt),
  element('details', {}, element('summary', {}, name),
    typeof payload[member] === 'string' ? element('pre', { tabindex: 0 }, payload[member]) : json(payload[member])),
  element('p', { class: 'small' }, link(editor, `Paste it into ${new URL(editor).host} to see it drawn`, { target: '_blank', rel: 'noopener noreferrer' })),
];

function question(payload, { reply }) {
  const options = payload.options ?? [];
  const answer = (option) => (event) => {
    reply('questionResponse', { data: option });
    for (const other of event.currentTarget.parentElement.children) other.disabled = true;
    event.currentTarget.classList.add('main');
  };
  return [element('div', { class: 'row', role: 'group', 'aria-label': payload.title ?? 'Question' },
    options.map((option) => (reply ? button(String(option), answer(option)) : element('span', { class: 'badge' }, String(option)))))];
}

function form(payload, { reply }) {
  const { block, values } = formOf(payload.schema ?? {});
  const send = element('button', { class: 'main' }, 'Send');
  return [element('form', {
    onsubmit: (event) => {
      event.preventDefault();
      let filled;
      try { filled = values(); } catch { return; }
      reply('formResponse', filled);
      for (const control of event.currentTarget.elements) control.disabled = true;
      send.textContent = 'Sent';
    },
  }, block, reply && element('p', {}, send))];
}

function failure(payload) {
  const limit = [payload.limit !== undefined && `limit ${payload.limit}`, payload.value !== undefined && `value ${payload.value}`,
    payload.setting && `setting ${payload.setting}`, payload.attempt && `attempt ${payload.attempt}`].filter(Boolean);
  const more = Object.fromEntries(Object.entries(payload).filter(([key]) => !['error_type', 'error_message'].includes(key)));
  return [element('div', { class: 'problem' },
    element('p', {}, element('strong', {}, payload.error_type ?? 'Error'), ` ${payload.error_message ?? ''}`),
    limit.length > 0 && element('p', { class: 'dim' }, limit.join(' · ')),
    Object.keys(more).length > 0 && element('details', {}, element('summary', {}, 'Details'), json(more)))];
}

const SHOWN = {
  text: ({ text }) => markdown(String(text ?? '')),
  TextFormat: ({ text }) => markdown(String(text ?? '')),
  MarkdownFormat: ({ text }) => markdown(String(text ?? '')),
  CodeFormat: ({ code, language }) => [element('p', { class: 'dim small' }, language), element('pre', { tabindex: 0 }, element('code', {}, String(code ?? '')))],
  FilesWithTextFormat: ({ files = [], text }, context) => [text && markdown(text), element('ul', { class: 'plain' }, files.map((one) => element('li', {}, file(context.guild, one))))],
  ImageFormat: media('img'),
  AudioFormat: media('audio'),
  VideoFormat: media('video'),
  TableFormat: asTable,
  QuestionFormat: question,
  FormFormat: form,
  questionResponse: ({ data }) => [element('p', {}, String(data))],
  formResponse: (payload) => [json(payload)],
  VegaLiteFormat: chart('Vega-Lite chart', 'spec', 'https://vega.github.io/editor/'),
  MermaidFormat: chart('Mermaid diagram', 'diagram', 'https://mermaid.live/'),
  PlotlyGraphFormat: chart('Plotly chart', 'plotParams', 'https://chart-studio.plotly.com/create/'),
  WeatherFormat: ({ weather = [], location: place, units }) => [place && element('p', {}, String(place.name ?? place)), units && element('p', { class: 'dim small' }, `units: ${units}`), asTable({ data: weather, title: 'Weather' })],
  LocationFormat: ({ latitude, longitude, alt }) => [element('p', {}, `${alt ?? 'Place'}: ${latitude}, ${longitude}`)],
  CalendarFormat: ({ events = [] }) => [table('Events', [['Start', (one) => one.start], ['End', (one) => one.end], ['What', (one) => one.title ?? one.description ?? '']], events)],
  ErrorMessage: failure,
};
SHOWN.questionFormat = question;
SHOWN.formFormat = form;

/** The elements of a message's payload. `context` has `guild`, and `reply(format, payload)` where answers are possible. */
export function show(format, payload, context) {
  const title = payload?.title && short(format) !== 'TableFormat' && element('h3', {}, String(payload.title));
  const about = payload?.description && element('p', { class: 'dim' }, String(payload.description));
  const known = SHOWN[short(format)];
  try {
    if (known) return [title, about, known(payload ?? {}, context)];
  } catch (error) {
    console.warn('a message is not what its format says', error);
  }
  const isText = typeof payload?.text === 'string' && Object.keys(payload).length === 1;
  return isText ? markdown(payload.text) : [element('p', { class: 'dim small' }, String(format)), json(payload)];
}
