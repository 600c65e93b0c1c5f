//! A connection to Redis that is opened again when it is lost. Before a new connection is used, the settings of the
//! server are read, so a server that has come back with others is noticed.
//!
//! The library `redis` carries it, and not `fred`: `redis` leaves reconnecting and repeating to the storage, which numbers
//! its commits, while `fred` repeats commands by itself.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, RedisResult, ServerErrorKind, Value, cmd};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::error::unavailable;
use super::promise::Facts;
use super::scripts::Script;
use super::settings::{Client, RedisSettings};
use crate::error::JournalError;
use crate::settings::Durability;

/// How long a connection that could not be opened is not tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// The server or the cluster.
#[derive(Debug)]
pub struct Server {
    client: Client,
    settings: RedisSettings,
    durability: Durability,
}

/// A connection that many use at the same time.
#[derive(Clone)]
enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// A connection that is opened when it is needed.
#[derive(Debug)]
pub struct Link {
    server: Arc<Server>,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    connection: Option<Connection>,
    /// How many connections there have been.
    count: u64,
    /// When the last one could not be opened, and why.
    failed: Option<(Instant, JournalError)>,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Server {
    pub fn new(settings: RedisSettings, durability: Durability) -> Result<Self, JournalError> {
        Ok(Self { client: settings.client()?, settings, durability })
    }

    /// Whether the keys of different guilds may be on different nodes.
    pub fn is_cluster(&self) -> bool {
        matches!(self.client, Client::Cluster(_))
    }

    /// Opens a connection and checks the server's settings. Cancel safe.
    async fn connect(&self) -> Result<Connection, JournalError> {
        let within = self.settings.connect_within;
        let opening = async {
            Ok::<_, redis::RedisError>(match &self.client {
                Client::One(client) => {
                    let config = AsyncConnectionConfig::new()
                        .set_connection_timeout(Some(within))
                        .set_response_timeout(Some(self.settings.answer_within));
                    Connection::One(client.get_multiplexed_async_connection_with_config(&config).await?)
                }
                Client::Cluster(client) => Connection::Cluster(client.get_async_connection().await?),
            })
        };
        let opened = timeout(within * 2, opening).await;
        let mut connection = opened.map_err(|_| unavailable(format!("no connection within {within:?}")))??;
        let facts = timeout(self.settings.answer_within, facts(&mut connection)).await;
        let facts = facts.map_err(|_| unavailable(format!("no answer within {:?}", self.settings.answer_within)))??;
        match self.refusal(&facts) {
            Some(why) => Err(unavailable(why)),
            None => Ok(connection),
        }
    }

    /// Returns why the server may not be used with these settings.
    fn refusal(&self, all: &[Facts]) -> Option<String> {
        let is_cluster = self.is_cluster();
        let wrong = |facts: &Facts| match facts.is_cluster {
            true if !is_cluster => Some(
                "it is a node of a cluster: write two or more of its addresses, with commas between them".to_owned(),
            ),
            _ => facts.refusal(self.durability),
        };
        let why = all.iter().find_map(wrong)?;
        Some(format!("Redis at {} cannot be used: {why}", self.settings.place()))
    }
}

impl Link {
    pub fn new(server: Arc<Server>) -> Self {
        Self { server, slot: Mutex::default() }
    }

    /// Reads the settings of all primaries. Cancel safe.
    ///
    /// # Errors
    /// The server cannot be reached, or may not be used with its settings.
    pub async fn facts(&self) -> Result<Vec<Facts>, JournalError> {
        let (count, mut connection) = self.connection().await?;
        let asked = timeout(self.server.settings.answer_within, facts(&mut connection)).await;
        let facts = self.checked(count, asked.unwrap_or_else(|_| Err(too_late()))).await?;
        match self.server.refusal(&facts) {
            Some(why) => Err(unavailable(why)),
            None => Ok(facts),
        }
    }

    /// Sends a command and reads its answer. Cancel safe: the command may be executed.
    pub async fn send<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, JournalError> {
        let (count, mut connection) = self.connection().await?;
        let value = self.checked(count, self.ask(&mut connection, command).await).await?;
        read_value(value)
    }

    /// Runs a script on the keys of one guild. A server that does not know the script is given its text. Cancel safe:
    /// the script may be executed.
    pub async fn run<T: FromRedisValue>(&self, script: &Script, command: &Cmd) -> Result<T, JournalError> {
        let (count, mut connection) = self.connection().await?;
        let mut answer = self.ask(&mut connection, command).await;
        if answer.as_ref().is_err_and(|error| error.kind() == ServerErrorKind::NoScript.into()) {
            let load = cmd("SCRIPT").arg("LOAD").arg(script.text).to_owned();
            answer = match self.ask(&mut connection, &load).await {
                Ok(_) => self.ask(&mut connection, command).await,
                Err(error) => Err(error),
            };
        }
        let value = self.checked(count, answer).await?;
        read_value(value)
    }

    async fn ask(&self, connection: &mut Connection, command: &Cmd) -> RedisResult<Value> {
        let asked = async {
            let answer = match connection {
                Connection::One(connection) => connection.req_packed_command(command).await,
                Connection::Cluster(connection) => connection.req_packed_command(command).await,
            };
            answer?.extract_error()
        };
        timeout(self.server.settings.answer_within, asked).await.unwrap_or_else(|_| Err(too_late()))
    }

    /// Returns the connection with its number, and opens it if there is none.
    async fn connection(&self) -> Result<(u64, Connection), JournalError> {
        let mut slot = self.slot.lock().await;
        if let Some(connection) = &slot.connection {
            return Ok((slot.count, connection.clone()));
        }
        if let Some((at, error)) = &slot.failed
            && at.elapsed() < PAUSE
        {
            return Err(error.clone());
        }
        match self.server.connect().await {
            Ok(connection) => {
                slot.count += 1;
                slot.connection = Some(connection.clone());
                Ok((slot.count, connection))
            }
            Err(error) => {
                slot.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Drops the connection if an answer says that it is lost. A connection of another number is kept.
    async fn checked<T>(&self, count: u64, answer: RedisResult<T>) -> Result<T, JournalError> {
        if let Err(error) = &answer
            && (error.is_io_error() || error.is_unrecoverable_error())
        {
            let mut slot = self.slot.lock().await;
            if slot.count == count {
                slot.connection = None;
            }
        }
        Ok(answer?)
    }
}

/// Reads an answer.
///
/// # Errors
/// `Corrupt` if it has another form.
pub fn read_value<T: FromRedisValue>(value: Value) -> Result<T, JournalError> {
    redis::from_redis_value(value).map_err(|error| JournalError::Corrupt(format!("Redis has answered {error}")))
}

fn too_late() -> redis::RedisError {
    std::io::Error::new(std::io::ErrorKind::TimedOut, "Redis has not answered in time (`redis.answer_ms`)").into()
}

/// Reads the settings of all primaries.
async fn facts(connection: &mut Connection) -> RedisResult<Vec<Facts>> {
    let info = all(connection, cmd("INFO")).await?;
    let mut config = cmd("CONFIG");
    config.arg("GET").arg("*append*");
    // Some services do not allow it.
    let config = all(connection, config).await.unwrap_or_default();
    let mut found = Vec::new();
    for (place, info) in info.into_iter().enumerate() {
        let info: String = redis::from_redis_value(info)?;
        let config: Option<Vec<(String, String)>> =
            config.get(place).and_then(|value| redis::from_redis_value(value.clone()).ok());
        found.push(Facts::read(&info, config.as_deref()));
    }
    Ok(found)
}

/// Sends a command to all primaries; the answers are in the order of their addresses.
async fn all(connection: &mut Connection, command: Cmd) -> RedisResult<Vec<Value>> {
    match connection {
        Connection::One(connection) => Ok(vec![connection.req_packed_command(&command).await?.extract_error()?]),
        Connection::Cluster(connection) => {
            let routing = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
            match connection.route_command(command, routing).await?.extract_error()? {
                Value::Map(mut answers) => {
                    answers.sort_by_key(|(address, _)| format!("{address:?}"));
                    Ok(answers.into_iter().map(|(_, value)| value).collect())
                }
                other => Ok(vec![other]),
            }
        }
    }
}
