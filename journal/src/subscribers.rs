//! The subscriptions of one guild, by topic. Plain data; the caller holds the guild's lock.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::message::Message;

use super::subscriber::{Kind, Subscriber};

/// The subscriptions of one guild.
#[derive(Debug, Default)]
pub struct Subscribers {
    by_topic: HashMap<String, Vec<Arc<Subscriber>>>,
}

impl Subscribers {
    /// Adds a subscription.
    pub fn add(&mut self, subscriber: &Arc<Subscriber>) {
        for topic in &subscriber.topics {
            self.by_topic.entry(topic.clone()).or_default().push(subscriber.clone());
        }
    }

    /// Removes a subscription.
    pub fn remove(&mut self, subscriber: &Arc<Subscriber>) {
        for topic in &subscriber.topics {
            if let Some(subscribers) = self.by_topic.get_mut(topic) {
                subscribers.retain(|other| !Arc::ptr_eq(other, subscriber));
                if subscribers.is_empty() {
                    self.by_topic.remove(topic);
                }
            }
        }
    }

    /// Returns the subscriptions of one topic.
    pub fn of_topic(&self, topic: &str) -> impl Iterator<Item = &Arc<Subscriber>> {
        self.by_topic.get(topic).into_iter().flatten()
    }

    /// Returns the subscriptions that receive a message, each once, in the order of the message's topics. The time grows
    /// with the number of subscriptions of these topics.
    pub fn receivers(&self, message: &Message) -> Vec<Arc<Subscriber>> {
        let mut seen = HashSet::new();
        let topics = message.topics.as_slice().iter().chain(&message.also);
        let subscribers = topics.flat_map(|topic| self.of_topic(topic));
        let receives =
            |subscriber: &&Arc<Subscriber>| !subscriber.ignores(message) && seen.insert(Arc::as_ptr(subscriber));
        subscribers.filter(receives).cloned().collect()
    }

    /// Returns all subscriptions, each once.
    pub fn all(&self) -> Vec<&Arc<Subscriber>> {
        let mut seen = HashSet::new();
        self.by_topic.values().flatten().filter(|subscriber| seen.insert(Arc::as_ptr(subscriber))).collect()
    }

    /// Fails with a fault for the user if an agent that receives one of the messages lags by its limit or more.
    pub fn check_lag(&self, messages: &[Message]) -> Result<(), Fault> {
        for subscriber in messages.iter().flat_map(|message| self.receivers(message)) {
            let Kind::Consumer { name } = &subscriber.kind else { continue };
            let (lag, limit) = (subscriber.waiting(), subscriber.lag_limit());
            if lag >= limit {
                let text = format!("agent {name} has {lag} messages waiting, the limit is {limit}; try again later");
                return Err(Fault::new(FaultKind::Busy, text).over(limit as u64, Some(lag as u64), "limits.agent_lag"));
            }
        }
        Ok(())
    }
}
