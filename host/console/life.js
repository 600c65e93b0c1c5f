// The buttons that change a guild's life.

import * as api from './api.js';
import { button, confirmed, doing, element, notice } from './dom.js';

export const isOver = (status) => ['stopped', 'stopping'].includes(status);

/** `after()` is called when something was done, `gone()` when the guild was deleted. */
export function guildActions(guild, after, gone = after) {
  const path = `api/guilds/${encodeURIComponent(guild.id)}`;
  const stop = doing(async () => {
    if (!await confirmed('Stop the guild?', `${guild.name} stops at once. Its messages, states and files stay; messages that wait for its agents are lost.`, 'Stop')) return;
    await api.post(`${path}/stop`);
    notice('The guild stops');
    after();
  });
  const start = doing(async () => {
    const { is_starting: isStarting } = await api.post(`${path}/start`);
    notice(isStarting ? 'The guild is being started' : 'The guild runs already; agents that had given up try again');
    after();
  });
  const remove = doing(async () => {
    if (!await confirmed('Delete the guild?', `${guild.name} is deleted with its messages, states, files and dead letters. This cannot be undone.`, 'Delete')) return;
    await api.remove(path);
    notice('The guild is deleted');
    gone();
  });
  switch (guild.status) {
    case 'stopping': return [element('span', { class: 'dim' }, 'stopping')];
    case 'stopped': return [button('Start', start), button('Delete', remove, 'danger')];
    default: return [button('Relaunch', start), button('Stop', stop, 'danger')];
  }
}
