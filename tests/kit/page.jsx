// A page that shows a guild with the React kit of Rustic AI, as its documentation says.
import { createRoot } from 'react-dom/client';
import { ThemeProvider } from '@mui/material/styles';
import MessageSpace from '@rustic-ai/ui-components/messageSpace';
import Multipart from '@rustic-ai/ui-components/multipart/multipart';
import Table from '@rustic-ai/ui-components/table';
import Text from '@rustic-ai/ui-components/text';
import theme from '@rustic-ai/ui-components/theme';

const pick = (module) => module.default ?? module;
const socket = new WebSocket(window.socketUrl);
socket.onopen = () => { window.isOpen = true; };
window.send = (text) => socket.send(text);
const ws = {
  send: (message) => socket.send(JSON.stringify(message)),
  close: () => socket.close(),
  reconnect: () => {},
  onReceive: (handler) => { socket.onmessage = ({ data }) => handler(JSON.parse(data)); },
};
const supportedElements = {
  TextFormat: pick(Text),
  TableFormat: pick(Table),
  FilesWithTextFormat: pick(Multipart),
  ErrorMessage: ({ error_message }) => <b>{error_message}</b>,
};
const Space = pick(MessageSpace);
createRoot(document.getElementById('root')).render(
  <ThemeProvider theme={pick(theme).rusticLightTheme ?? theme.rusticLightTheme}>
    <Space ws={ws} sender={{ id: 'ann', name: 'Ann' }} supportedElements={supportedElements} />
  </ThemeProvider>,
);
