//! The system socket of a monitor: health reports, the participants of the guild, and stopping it.
//!
//! The readiness barrier: the first report lists only the manager, with the health `starting`, so that the client opens its
//! user socket. The full report, which may be `ok`, is held back until that socket has answered a ping. A monitor without a
//! user socket gets it after [`ALONE_AFTER`].

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::journal::{GuildLog, JournalError, Tail, TailEvent};
use guildhall_model::clock::rfc3339_ms;
use guildhall_model::dialect::{self, Channel, Dialect, Viewer};
use guildhall_model::format;
use guildhall_model::health::HealthStatus;
use guildhall_model::ids::{AgentId, ClientId, UserId};
use guildhall_model::message::{Message, raw_json};
use guildhall_model::priority::Priority;
use guildhall_model::tag::AgentTag;
use guildhall_model::topic;
use guildhall_model::topic::Topics;

use super::frames::read_frame;
use super::presence::Watched;
use super::session::{Accepted, Ending, Incoming, Session};
use super::state::{SocketOptions, WsState};
use guildhall_model::expression::Evaluations;
use guildhall_model::frame::{Frame, FrameError, FrameErrorKind};

/// The time after which a monitor without a user socket gets the full report.
const ALONE_AFTER: Duration = Duration::from_millis(1_200);
/// The time after which the full report is sent although no user socket has answered.
const SLOW_AFTER: Duration = Duration::from_secs(8);

/// At most this many frames of one system socket are read in a second.
const FRAMES_A_SECOND: u32 = 200;

struct SystemSocket {
    session: Session,
    log: GuildLog,
    user: UserId,
    viewer: Viewer,
    watched: Watched,
    /// The report that the barrier holds back.
    held: Option<Arc<Message>>,
    /// The news of the participants that the barrier holds back.
    held_participants: Option<Arc<Message>>,
    /// When the barrier is lifted without a user socket, and with one that does not answer; `None`: it is lifted.
    barrier: Option<(Instant, Instant)>,
    frame_bytes: usize,
    evaluations: Evaluations,
    second_began: Instant,
    frames_in_second: u32,
}

/// Subscribes a system socket to its topics, from now on.
pub fn tail(log: &GuildLog, user: &UserId, options: &SocketOptions) -> Tail {
    let mut topics =
        vec![topic::GUILD_STATUS.to_owned(), topic::user_system_notification(user), topic::ENDING.to_owned()];
    if options.events {
        topics.push(topic::EVENTS.to_owned());
    }
    log.tail(topics, None)
}

/// Serves one system socket until it ends, and closes it.
///
/// Dropping the future drops the connection without a close frame.
pub async fn serve(state: WsState, (log, tail): (GuildLog, Tail), user: UserId, dialect: Dialect, accepted: Accepted) {
    let session = Session::new(accepted, &state, dialect);
    let now = Instant::now();
    let mut socket = SystemSocket {
        session,
        viewer: Viewer { dialect, user: user.clone(), user_name: user.to_string(), channel: Channel::System },
        watched: state.presences.watch(log.guild(), &user),
        log,
        user,
        held: None,
        held_participants: None,
        barrier: Some((now + ALONE_AFTER, now + SLOW_AFTER)),
        frame_bytes: state.limits.frame_bytes,
        evaluations: state.evaluations.clone(),
        second_began: now,
        frames_in_second: 0,
    };
    let ending = socket.run(tail, &state).await;
    socket.session.close(ending).await;
}

impl SystemSocket {
    async fn run(&mut self, mut tail: Tail, state: &WsState) -> Ending {
        let started = async {
            let first = self.first_report();
            self.session.send([first]).await?;
            self.ask(
                format::HEALTH_CHECK_REQUEST,
                &json!({"checktime": rfc3339_ms(self.session.clock.now_ms())}),
                None,
            );
            Ok::<(), Ending>(())
        };
        if let Err(ending) = started.await {
            return ending;
        }
        loop {
            let (alone, slow) = self.barrier.unwrap_or_else(|| {
                let never = Instant::now() + Duration::from_secs(3_600);
                (never, never)
            });
            let is_held = self.barrier.is_some();
            let is_alone = self.watched.now() == super::presence::Counts::default();
            let ping_due = self.session.ping_due();
            let done = tokio::select! {
                () = state.shutdown.cancelled() => Err(Ending::HostShutdown),
                event = tail.next() => self.show(event).await,
                received = self.session.socket.recv() => self.received(received).await,
                () = self.watched.changed(), if is_held => self.lift_if_ready().await,
                () = tokio::time::sleep_until(alone), if is_held && is_alone => self.lift().await,
                () = tokio::time::sleep_until(slow), if is_held => self.lift().await,
                () = tokio::time::sleep_until(ping_due) => self.session.keep_alive().await,
            };
            if let Err(ending) = done {
                return ending;
            }
        }
    }

    async fn show(&mut self, event: Result<TailEvent, JournalError>) -> Result<(), Ending> {
        let (message, received_on) = match event {
            Ok(TailEvent::Message { message, topic }) => (message, topic),
            Ok(TailEvent::Passed) => return Ok(()),
            Ok(TailEvent::Lagged) => return Err(Ending::Lagged),
            Err(JournalError::TakenOver) => return Err(Ending::Moved),
            Err(error) => {
                tracing::error!(%error, "a system socket cannot read the log");
                return Err(Ending::HostError);
            }
        };
        if received_on == topic::ENDING {
            return Err(Ending::GuildEnded);
        }
        if !dialect::is_shown_on_system(&message, self.viewer.dialect) {
            return Ok(());
        }
        if message.format == format::HEARTBEAT && self.barrier.is_some() && self.viewer.dialect != Dialect::Rustic {
            // A client that joins waits for the report, so heartbeats are not sent before it.
            return Ok(());
        }
        if message.format == format::HEALTH_REPORT && self.barrier.is_some() {
            self.held = Some(message);
            return self.lift_if_ready().await;
        }
        if message.format == format::PARTICIPANT_LIST {
            self.learn_name(&message);
            let is_asked = message.in_response_to.is_some();
            if self.barrier.is_some() && !is_asked && self.viewer.dialect != Dialect::Rustic {
                // A client that joins waits for the report.
                self.held_participants = Some(message);
                return Ok(());
            }
        }
        let text = dialect::write(&message, &received_on, &self.viewer);
        self.session.send([text]).await
    }

    /// Learns the name of the user, which the URL of a system socket does not have, from a list of participants.
    fn learn_name(&mut self, list: &Message) {
        if self.viewer.dialect != Dialect::Rustic {
            return;
        }
        let Ok(list) = serde_json::from_str::<Value>(list.payload.get()) else { return };
        let proxy = AgentId::proxy_of(&self.user);
        let mut all = list["participants"].as_array().into_iter().flatten();
        if let Some(name) = all.find(|one| one["id"] == proxy.as_str()).and_then(|own| own["name"].as_str()) {
            name.clone_into(&mut self.viewer.user_name);
        }
    }

    /// Lifts the barrier when a user socket has answered and the report lists the user. The manager reports again when the
    /// user has joined.
    async fn lift_if_ready(&mut self) -> Result<(), Ending> {
        let proxy = serde_json::to_string(&AgentId::proxy_of(&self.user)).unwrap_or_default();
        let knows_user = self.held.as_ref().is_some_and(|report| report.payload.get().contains(&proxy));
        if self.watched.now().ready > 0 && knows_user { self.lift().await } else { Ok(()) }
    }

    /// Sends what was held back; what comes later is sent at once.
    async fn lift(&mut self) -> Result<(), Ending> {
        self.barrier = None;
        let held = self.held.take().into_iter().chain(self.held_participants.take());
        let texts: Vec<String> =
            held.map(|message| dialect::write(&message, topic::GUILD_STATUS, &self.viewer)).collect();
        if texts.is_empty() { Ok(()) } else { self.session.send(texts).await }
    }

    async fn received(
        &mut self,
        received: Option<Result<axum::extract::ws::Message, axum::Error>>,
    ) -> Result<(), Ending> {
        let incoming = self.session.sort(received, self.frame_bytes);
        self.slow_down().await;
        let error = match incoming {
            Incoming::End(ending) => return Err(ending),
            Incoming::Pong => return Ok(()),
            Incoming::Ping => return self.session.answer_ping().await,
            Incoming::FrameError(error) => error,
            Incoming::Text(text) => match Box::pin(read_frame(text, self.log.guild(), &self.evaluations))
                .await
                .and_then(|frame| self.forward(&frame))
            {
                Ok(()) => return Ok(()),
                Err(error) => error,
            },
        };
        let answer = self.session.error_frame(self.log.new_id(), &error);
        self.session.send([answer]).await
    }

    /// Waits when more than [`FRAMES_A_SECOND`] frames were read in this second: each may make the manager check every agent
    /// and report to every socket.
    async fn slow_down(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.second_began) >= Duration::from_secs(1) {
            (self.second_began, self.frames_in_second) = (now, 0);
        }
        self.frames_in_second += 1;
        if self.frames_in_second > FRAMES_A_SECOND {
            tokio::time::sleep_until(self.second_began + Duration::from_secs(1)).await;
        }
    }

    /// Forwards a request to the manager. The guild and the user are those of the connection, whatever the payload says.
    fn forward(&self, frame: &Frame) -> Result<(), FrameError> {
        let given: Value =
            frame.payload.as_ref().and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_else(|| json!({}));
        match format::canonical(&frame.format) {
            format @ format::PARTICIPANT_LIST_REQUEST => {
                let payload = json!({"guild_id": self.log.guild()});
                self.ask(format, &payload, Some(frame));
                Ok(())
            }
            format @ format::HEALTH_CHECK_REQUEST => {
                let payload = json!({"checktime": given.get("checktime")});
                self.ask(format, &payload, Some(frame));
                Ok(())
            }
            format @ format::STOP_GUILD_REQUEST => {
                let meant = given.get("guild_id").and_then(Value::as_str).unwrap_or(self.log.guild().as_str());
                if meant != self.log.guild().as_str() {
                    return Err(FrameError {
                        kind: FrameErrorKind::Denied,
                        message: format!("this socket is of the guild {}, not of {meant}", self.log.guild()),
                        client_id: frame.client_id.as_ref().map(ClientId::to_json),
                    });
                }
                let payload = json!({"guild_id": meant, "user_id": self.user});
                self.ask(format, &payload, Some(frame));
                Ok(())
            }
            other => Err(FrameError {
                kind: FrameErrorKind::UnknownFormat,
                message: format!(
                    "a system socket understands participantsRequest, stopGuildRequest and HealthCheckRequest, not `{other}`"
                ),
                client_id: frame.client_id.as_ref().map(ClientId::to_json),
            }),
        }
    }

    /// Sends a request to the manager; `frame` is the client's, if the client asks.
    fn ask(&self, format: &str, payload: &Value, frame: Option<&Frame>) {
        let sender = AgentTag { id: Some(format!("sys_comms_socket:{}", self.user)), name: None };
        let mut message = Message::draft(sender, Topics::One(topic::SYSTEM.to_owned()), format, raw_json(payload));
        message.user = Some(self.user.clone());
        message.priority = Priority::HIGH;
        message.conversation_id = frame.and_then(|frame| frame.conversation_id.clone());
        message.client_id = frame.and_then(|frame| frame.client_id.clone());
        message.root_number = message.client_id.as_ref().and_then(ClientId::number);
        self.log.signal(message);
    }

    /// The first report, which makes a client open its user socket: it lists only the manager.
    fn first_report(&self) -> String {
        let guild = self.log.guild();
        let time = rfc3339_ms(self.session.clock.now_ms());
        let manager = AgentId::manager_of(guild);
        let payload = json!({
            "agents": {manager.as_str(): {
                "checktime": time,
                "checkstatus": HealthStatus::Starting,
                "responsetime": time,
                "checkmeta": {"qos_latency": null, "observed_latency": 0},
            }},
            "guild_health": HealthStatus::Starting,
        });
        let sender = AgentTag::new(manager.as_str(), format!("GuildManagerAgent4{guild}"));
        let topics = Topics::Many(vec![topic::GUILD_STATUS.to_owned()]);
        let mut report = Message::draft(sender, topics, format::HEALTH_REPORT, raw_json(&payload));
        report.id = guildhall_model::ids::MessageId::first_at(self.session.clock.now_ms());
        dialect::write(&report, topic::GUILD_STATUS, &self.viewer)
    }
}
