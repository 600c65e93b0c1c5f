//! The tally agent: counts votes and answers each with the count.
//!
//! An example for authors: typed messages, properties with a configuration error, state that outlives the instance, a
//! payload that is rejected, a heartbeat with a warning.

use guildhall_sdk::prelude::*;
use guildhall_sdk::serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A vote: the name of an option, in upper or lower case.
#[message("text")]
pub struct Vote {
    text: String,
}

/// Resets every count to zero.
#[message("tally/reset")]
pub struct Reset {}

/// The present counts.
#[message("tally")]
#[derive(Debug, PartialEq)]
pub struct Tally {
    /// The votes for each option.
    counts: BTreeMap<String, u32>,
    /// The votes for all options.
    votes: u32,
    /// Whether further votes are refused.
    closed: bool,
}

/// The properties in a blueprint.
#[properties]
pub struct Props {
    /// The options: at least one, and no two that differ only in case.
    options: Vec<String>,
    /// The number of votes after which the poll closes. Without it the poll never closes.
    limit: Option<u32>,
}

/// The agent's state, which outlives the instance. It begins as `{}`, so every member has a default.
#[properties]
#[derive(Default)]
struct State {
    #[serde(default)]
    counts: BTreeMap<String, u32>,
}

/// The agent; see the crate's documentation.
pub struct TallyAgent {
    props: Props,
    closed: bool,
}

impl Agent for TallyAgent {
    const CLASS_NAME: &'static str = "guildhall.agents.tally.TallyAgent";
    const NAME: &'static str = "Tally Agent";
    const SUMMARY: &'static str = "Counts votes and answers each with the count";
    type Properties = Props;

    fn new(props: Props) -> Result<Self, String> {
        if props.options.is_empty() {
            return Err("`options` must name at least one option".into());
        }
        let mut seen = BTreeSet::new();
        for option in &props.options {
            if !seen.insert(option.to_lowercase()) {
                return Err(format!("`options` names `{option}` twice"));
            }
        }
        Ok(TallyAgent { props, closed: false })
    }

    fn handlers(on: &mut Handlers<Self>) {
        on.message(Self::on_vote).message(Self::on_reset);
    }

    fn emits(emits: &mut Emits) {
        emits.message::<Tally>();
    }

    fn heartbeat(&mut self) -> Health {
        match self.closed {
            true => Health::warning("the poll is closed: send `tally/reset`"),
            false => Health::ok(),
        }
    }
}

impl TallyAgent {
    fn on_vote(&mut self, ctx: &mut Ctx, vote: Vote) -> Result<(), Failure> {
        let State { mut counts } = ctx.agent_state()?;
        let option = self.option(&vote.text)?;
        if self.is_full(&counts) {
            return Err(Failure::reject("the poll is closed"));
        }
        *counts.entry(option.into()).or_default() += 1;
        // The state and the reply are committed together. If one is refused, neither is committed.
        ctx.update_agent_state(&json!({ "counts": counts }))?;
        log::debug!("a vote for {option}");
        self.reply_tally(ctx, counts)
    }

    fn on_reset(&mut self, ctx: &mut Ctx, _: Reset) -> Result<(), Failure> {
        // A merge patch: `null` removes the member.
        ctx.update_agent_state(&json!({ "counts": Value::Null }))?;
        self.reply_tally(ctx, BTreeMap::new())
    }

    fn reply_tally(&mut self, ctx: &mut Ctx, counts: BTreeMap<String, u32>) -> Result<(), Failure> {
        self.closed = self.is_full(&counts);
        ctx.reply(&Tally { votes: counts.values().sum(), closed: self.closed, counts })?;
        Ok(())
    }

    /// Finds the option of a vote. Another attempt cannot make a wrong vote right, so the vote is rejected.
    fn option(&self, vote: &str) -> Result<&str, Failure> {
        let wanted = vote.trim().to_lowercase();
        let options = &self.props.options;
        match options.iter().find(|option| option.to_lowercase() == wanted) {
            Some(option) => Ok(option),
            None => Err(Failure::reject(format!(
                "`{}` is not an option; vote for one of: {}",
                vote.trim(),
                options.join(", ")
            ))),
        }
    }

    fn is_full(&self, counts: &BTreeMap<String, u32>) -> bool {
        let votes: u32 = counts.values().sum();
        self.props.limit.is_some_and(|limit| votes >= limit)
    }
}

export_agent!(TallyAgent);

#[cfg(test)]
mod tests {
    use super::*;
    use guildhall_sdk::testing::Bench;

    fn bench(properties: Value) -> Bench<TallyAgent> {
        Bench::start(properties).unwrap()
    }

    fn vote(text: &str) -> Vote {
        Vote { text: text.into() }
    }

    fn counts<const N: usize>(counts: [(&str, u32); N]) -> BTreeMap<String, u32> {
        counts.map(|(name, count)| (name.into(), count)).into()
    }

    fn tally(replies: Result<Vec<Outgoing>, Failure>) -> Tally {
        replies.unwrap()[0].parse().unwrap()
    }

    #[test]
    fn a_vote_is_counted_in_any_case() {
        let mut bench = bench(json!({"options": ["Tea", "Coffee"]}));
        bench.send(&vote("Tea")).unwrap();
        bench.send(&vote("Coffee")).unwrap();
        let answer = tally(bench.send(&vote(" tea\n")));
        assert_eq!(answer.counts, counts([("Coffee", 1), ("Tea", 2)]));
        assert_eq!((answer.votes, answer.closed), (3, false));
    }

    #[test]
    fn the_count_outlives_the_instance() {
        let mut bench = bench(json!({"options": ["yes"]}));
        bench.send(&vote("yes")).unwrap();
        bench.restart().unwrap();
        assert_eq!(tally(bench.send(&vote("yes"))).votes, 2);
    }

    #[test]
    fn a_vote_for_an_unknown_option_is_rejected_and_not_counted() {
        let mut bench = bench(json!({"options": ["yes", "no"]}));
        let failure = bench.send(&vote("maybe")).unwrap_err();
        let reason = "`maybe` is not an option; vote for one of: yes, no";
        assert_eq!(failure, Failure::reject(reason));
        assert_eq!(bench.agent_state, json!({}));
    }

    #[test]
    fn a_full_poll_is_closed_until_it_is_reset() {
        let mut bench = bench(json!({"options": ["yes"], "limit": 1}));
        assert!(tally(bench.send(&vote("yes"))).closed);
        assert_eq!(bench.send(&vote("yes")), Err(Failure::reject("the poll is closed")));
        assert_ne!(bench.heartbeat(), Health::ok());
        assert_eq!(tally(bench.send(&Reset {})).votes, 0);
        assert_eq!(bench.heartbeat(), Health::ok());
        assert_eq!(tally(bench.send(&vote("yes"))).votes, 1);
    }

    #[test]
    fn a_vote_whose_answer_cannot_be_sent_is_not_counted() {
        let mut bench = bench(json!({"options": ["yes"]}));
        bench.fail_emit = Some(EmitError::TooMany(0));
        bench.send(&vote("yes")).unwrap_err();
        assert_eq!(bench.agent_state, json!({}));
    }

    #[test]
    fn options_must_exist_and_differ() {
        let refused = |properties| Bench::<TallyAgent>::start(properties).err().unwrap();
        assert_eq!(refused(json!({"options": []})), "`options` must name at least one option");
        assert_eq!(refused(json!({"options": ["a", "b", "A"]})), "`options` names `A` twice");
        assert!(refused(json!({})).contains("missing field `options`"));
    }
}
