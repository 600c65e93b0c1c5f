// The files of a guild.

import * as api from './api.js';
import { button, confirmed, doing, element, link, problem, size, table, time } from './dom.js';

/** Sends files to a guild, with a bar for each in `place`. Returns what the host says of them. */
export async function uploadFiles(guild, chosen, place) {
  const stored = [];
  for (const file of chosen) {
    const body = new FormData();
    body.append('file', file);
    const bar = element('progress', { max: 1, value: 0, 'aria-label': `Uploading ${file.name}` });
    place.append(bar);
    try {
      const answer = await api.upload('POST', `api/guilds/${encodeURIComponent(guild)}/files/`, body, undefined, (part) => { bar.value = part; });
      stored.push({ name: answer.filename, url: answer.url });
    } finally {
      bar.remove();
    }
  }
  return stored;
}

export async function files({ id, name }) {
  const path = `api/guilds/${encodeURIComponent(id)}/files/`;
  const list = element('div');
  const bars = element('div');
  const failed = element('div');
  const load = async () => { list.replaceChildren(table('Files', COLUMNS, await api.get(path), 'This guild has no files.')); };
  const COLUMNS = [
    ['File', (file) => link(`${path}${encodeURIComponent(file.name)}`, file.name, { download: file.name })],
    ['Type', (file) => file.mimetype ?? ''],
    ['Size', (file) => size(file.metadata.content_length), 'number'],
    ['Uploaded', (file) => time(file.metadata.uploaded_at), 'keep'],
    ['Actions', (file) => button('Delete', doing(async () => {
      if (!await confirmed('Delete the file?', `${file.name} of ${name} is gone for good.`, 'Delete')) return;
      await api.remove(`${path}${encodeURIComponent(file.name)}`);
      await load();
    }), 'danger'), 'keep'],
  ];
  const picked = element('input', { type: 'file', multiple: true, 'aria-label': 'Upload files', onchange: doing(async () => {
    failed.replaceChildren();
    try {
      await uploadFiles(id, picked.files, bars);
    } catch (error) {
      failed.replaceChildren(problem(error));
    }
    picked.value = '';
    await load();
  }) });
  try {
    await load();
  } catch (error) {
    return [problem(error)];
  }
  return [[element('p', {}, picked), bars, failed, list]];
}
