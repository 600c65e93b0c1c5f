//! The lines of a user: edited in a terminal, or read from a pipe. In a terminal, what is shown goes above the line that is
//! being written.

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

use parking_lot::Mutex;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::{DefaultEditor, ExternalPrinter};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::mpsc;

/// The prompt of a terminal.
const PROMPT: &str = "> ";
/// The lines that wait to be sent.
const LINES: usize = 64;

/// How the terminal was before it was changed for editing.
static BEFORE: OnceLock<Termios> = OnceLock::new();

/// The lines of the user.
pub struct Input {
    lines: mpsc::Receiver<String>,
    /// Whether a person writes them.
    pub is_terminal: bool,
    /// Whether there is no further line.
    pub has_ended: bool,
}

/// Where messages are shown.
pub enum Output {
    /// Above the line that is being written.
    Editor(Mutex<Box<dyn ExternalPrinter + Send>>),
    /// Line after line.
    Plain,
}

impl Input {
    /// Begins to read standard input.
    pub fn begin() -> (Self, Output) {
        let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let (sender, lines) = mpsc::channel(LINES);
        let output = if is_terminal { edit(sender.clone()) } else { None };
        let output = output.unwrap_or_else(|| {
            tokio::spawn(read(sender));
            Output::Plain
        });
        (Self { lines, is_terminal, has_ended: false }, output)
    }

    /// The next line; pending once the input has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<String> {
        if self.has_ended {
            return std::future::pending().await;
        }
        let line = self.lines.recv().await;
        self.has_ended = line.is_none();
        line
    }
}

/// Reads lines in an editor, on a thread that ends with the input or with the process.
fn edit(lines: mpsc::Sender<String>) -> Option<Output> {
    let mut editor = DefaultEditor::new().ok()?;
    let printer = editor.create_external_printer().ok()?;
    if let Ok(before) = tcgetattr(std::io::stdin()) {
        let _ = BEFORE.set(before);
    }
    std::thread::spawn(move || {
        // Ctrl-D and Ctrl-C end the input.
        while let Ok(line) = editor.readline(PROMPT) {
            let _ = editor.add_history_entry(line.as_str());
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    Some(Output::Editor(Mutex::new(Box::new(printer))))
}

async fn read(lines: mpsc::Sender<String>) {
    let mut input = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = input.next_line().await {
        if lines.send(line).await.is_err() {
            return;
        }
    }
}

/// Gives the terminal back as it was, although the editor may still wait for a line.
pub fn restore() {
    if let Some(before) = BEFORE.get() {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Drain, before);
        // Ends the bracketed paste, which the editor begins.
        let mut out = std::io::stdout();
        let _ = out.write_all(b"\x1b[?2004l").and_then(|()| out.flush());
    }
}

impl Output {
    /// Shows a text, followed by a line end.
    pub fn show(&self, text: &str) {
        match self {
            Self::Editor(printer) => {
                // When the terminal is closed, the input ends too.
                let _ = printer.lock().print(format!("{text}\n"));
            }
            Self::Plain => {
                let mut out = std::io::stdout();
                let _ = writeln!(out, "{text}").and_then(|()| out.flush());
            }
        }
    }
}
