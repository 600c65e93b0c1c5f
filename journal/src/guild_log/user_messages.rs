//! How a user's message enters the log: it is routed by the guild's ingress, refused if an agent lags too far, and
//! stored once however often the client sends it with the same client id.

use std::sync::Arc;

use guildhall_model::draft::UserDraft;
use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::ids::{ClientId, MessageId};
use guildhall_model::state::StateOwner;

use super::GuildLog;
use crate::client_ids::{ClientIdKey, Known};
use crate::ingress::{Ingress, IngressError, Published};
use crate::room::Held;
use crate::step::SideWrite;

impl GuildLog {
    /// Opens the ingress for users, or replaces it.
    pub fn open_ingress(&self, ingress: Arc<dyn Ingress>) {
        let mut state = self.lock();
        state.ingress = Some(ingress);
        state.is_open.send_replace(true);
    }

    /// Closes the ingress. Users' messages fail with [`IngressError::Absent`] from now on.
    pub fn close_ingress(&self) {
        let mut state = self.lock();
        state.ingress = None;
        state.is_open.send_replace(false);
    }

    /// Returns whether the ingress is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.lock().ingress.is_some()
    }

    /// Waits until the ingress is open. Cancel safe.
    pub async fn opened(&self) {
        let mut is_open = self.lock().is_open.subscribe();
        if is_open.wait_for(|is_open| *is_open).await.is_err() {
            // The log cannot be dropped while this borrows it.
            std::future::pending().await
        }
    }

    /// Publishes a user's message. Cancel safe: a message that has its id is stored even if the future is dropped.
    ///
    /// # Errors
    /// [`IngressError::Absent`] while the guild does not run here. [`IngressError::Refused`] with a fault for the user
    /// when the message has no recipient, or when an agent lags, the log or what waits for the disk is over its limit
    /// (`busy`).
    /// [`IngressError::Journal`] when the storage cannot be read.
    pub async fn publish_from_user(&self, draft: UserDraft) -> Result<Published, IngressError> {
        self.publish_from_user_holding(draft, None).await
    }

    /// Publishes a user's message; `held` is the room that the message uses until it is stored or refused. Cancel safe as
    /// [`Self::publish_from_user`] is.
    ///
    /// # Errors
    /// Those of [`Self::publish_from_user`].
    pub async fn publish_from_user_holding(
        &self,
        draft: UserDraft,
        held: Option<Held>,
    ) -> Result<Published, IngressError> {
        let client_id = draft.client_id.as_ref().and_then(ClientId::text);
        let key = client_id.map(|client_id| (draft.user.clone(), client_id.to_owned()));
        if let Some(key) = &key
            && let Some(id) = self.find_client_id(key).await?
        {
            self.wait_for_all().await;
            return Ok(Published { id, receipt: None });
        }
        let published = self.accept(draft, key, held).await?;
        if published.receipt.is_none() {
            self.wait_for_all().await;
        }
        Ok(published)
    }

    /// Returns the id of the message that a user sent under a client id. Cancel safe.
    async fn find_client_id(&self, key: &ClientIdKey) -> Result<Option<MessageId>, IngressError> {
        let shared = &self.0.shared;
        let since = shared.client_ids_since();
        let known = self.lock().client_ids.find(key, since);
        let (user, client_id) = key;
        match known {
            Known::Message(id) => Ok(Some(id)),
            Known::New => Ok(None),
            Known::Perhaps => Ok(shared.storage.find_client_id(self.0.key, user, client_id, since).await?),
        }
    }

    /// Refuses a message while too many bytes of all guilds wait for the disk.
    fn check_unwritten(&self) -> Result<(), Fault> {
        let (value, most) = (self.0.shared.unwritten_bytes(), self.0.shared.limits.unwritten_bytes);
        if value <= most {
            return Ok(());
        }
        let (value, most) = ((value >> 20) as u64, (most >> 20) as u64);
        let text = format!(
            "messages of {value} MiB wait for the disk of this host, and the limit is {most} (`limits.unwritten_mib`); \
             try again later"
        );
        Err(Fault::new(FaultKind::Busy, text).over(most, Some(value), "limits.unwritten_mib"))
    }

    /// Routes and appends a user's message. The guild's rules run outside the log's lock, because an expression may take
    /// long. Cancel safe: the message is appended, or nothing has happened.
    async fn accept(
        &self,
        draft: UserDraft,
        key: Option<ClientIdKey>,
        held: Option<Held>,
    ) -> Result<Published, IngressError> {
        let (ingress, guild_state) = {
            let state = self.lock();
            (state.ingress.clone().ok_or(IngressError::Absent)?, state.states.get(&StateOwner::Guild).text)
        };
        let routed = ingress.route(draft, guild_state).await.map_err(|fault| IngressError::Refused(Box::new(fault)))?;
        let mut state = self.lock();
        if state.ingress.is_none() {
            // The guild was stopped meanwhile.
            return Err(IngressError::Absent);
        }
        if let Some(id) = key.as_ref().and_then(|key| state.client_ids.get(key)) {
            return Ok(Published { id, receipt: None });
        }
        let mut messages = vec![routed.first];
        messages.extend(routed.others);
        let room = self.check_room().and_then(|()| self.check_unwritten());
        if let Err(fault) = room.and_then(|()| state.subscribers.check_lag(&messages)) {
            ingress.refused(&fault);
            return Err(IngressError::Refused(Box::new(fault)));
        }
        let mut side_writes: Vec<SideWrite> = Vec::new();
        if let Some((user, client_id)) = key.clone() {
            // `append` writes the id of the first message into it.
            side_writes.push(SideWrite::ClientId { user, client_id, id: MessageId::default() });
        }
        let (owners, writes) = state.states.change_all(&routed.changes, self.0.shared.most());
        side_writes.extend(writes);
        messages.extend(state.announcements(&self.0.id, &owners).map(|mut announcement| {
            // The default id stands for the user's own message, which has no id yet.
            announcement.in_response_to = Some(MessageId::default());
            announcement
        }));
        let (id, receipt) = self.append_holding(&state, messages, None, side_writes, held);
        if let Some(key) = key {
            state.client_ids.insert(key, id, self.0.shared.durable());
        }
        Ok(Published { id, receipt: Some(receipt) })
    }
}
