//! Reads the server's CPU time and memory from `/proc`.

use std::fs;
use std::time::Duration;

use crate::report::Report;

/// The clock ticks in a second, in the unit of `/proc`. It is 100 on all common Linux systems.
const TICKS: f64 = 100.0;
/// The state of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// A process of this machine.
#[derive(Clone, Copy)]
pub struct Server {
    pid: u32,
}

impl Server {
    #[must_use]
    pub const fn of(pid: u32) -> Self {
        Self { pid }
    }

    /// Returns the process that listens on the port of `host:port`, if it can be found.
    pub fn listening_on(authority: &str) -> Option<Self> {
        let port: u16 = authority.rsplit(':').next()?.parse().ok()?;
        let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
            .iter()
            .find_map(|table| listening_inode(&fs::read_to_string(table).ok()?, port).map(str::to_owned))?;
        let link = format!("socket:[{inode}]");
        let processes = fs::read_dir("/proc").ok()?.flatten();
        let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.find(|pid| has_open(*pid, &link)).map(Self::of)
    }

    /// Returns the CPU time of all threads so far.
    pub fn cpu(self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        Duration::from_secs_f64(cpu_ticks(&stat).unwrap_or(0) as f64 / TICKS)
    }

    /// Returns the resident memory in bytes.
    pub fn rss(self) -> u64 {
        self.status("VmRSS:")
    }

    /// Returns the most resident memory that is seen within some time.
    pub async fn peak_within(self, duration: Duration) -> u64 {
        let end = tokio::time::Instant::now() + duration;
        let mut most = self.rss();
        while tokio::time::Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(50)).await;
            most = most.max(self.rss());
        }
        most
    }

    /// Returns the resident memory when it no longer shrinks. Waits half a minute at most.
    pub async fn settled(self) -> u64 {
        let mut least = self.rss();
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(3)).await;
            let now = self.rss();
            if now + now / 100 > least {
                break;
            }
            least = now;
        }
        self.rss()
    }

    pub fn report_memory(self, report: &mut Report) {
        report.number("server_rss", self.rss() as f64 / f64::from(1 << 20), "MiB");
        report.number("server_rss_peak", self.status("VmHWM:") as f64 / f64::from(1 << 20), "MiB");
    }

    fn status(self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let kib =
            status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    }
}

fn has_open(pid: u32, link: &str) -> bool {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files.filter_map(|file| fs::read_link(file.path()).ok()).any(|target| target.as_os_str() == link)
}

/// Returns the inode of the socket that listens on a port, from a table like `/proc/net/tcp`.
fn listening_inode(table: &str, port: u16) -> Option<&str> {
    table.lines().find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (address, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        let found = u16::from_str_radix(address.rsplit(':').next()?, 16).ok()?;
        (found == port && *state == LISTENING).then_some(*inode)
    })
}

/// Returns the user and system time of a line of `/proc/{pid}/stat`. The name in parentheses may contain any character.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_an_unusual_name_is_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 1 0 1 1 1";
        assert_eq!(cpu_ticks(stat), Some(300));
    }

    #[test]
    fn this_process_is_found_by_its_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server::listening_on(&listener.local_addr().unwrap().to_string()).unwrap();
        assert_eq!(server.pid, std::process::id());
        assert!(server.rss() > 0);
    }
}
