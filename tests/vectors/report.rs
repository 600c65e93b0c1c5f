//! Runs cases, judges their outcomes by the list of differences, and reports counts and failures.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::cases::{self, Case};
use super::compare::{Difference, Outcome, wrong};
use super::differences::{Differences, Listed};
use super::{AREAS_NOT_RUN, Part};

/// Runs one case; `None` if the binary does not know the area.
pub type Run = fn(&Case, &Differences) -> Option<Outcome>;

/// How many cases ended how.
#[derive(Default)]
struct Count {
    as_expected: usize,
    differ: usize,
    do_not_apply: usize,
    /// How many of them this project wrote.
    ours: usize,
}

impl Count {
    fn add(&mut self, other: &Self) {
        self.as_expected += other.as_expected;
        self.differ += other.differ;
        self.do_not_apply += other.do_not_apply;
        self.ours += other.ours;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { as_expected, differ, do_not_apply, ours } = self;
        write!(
            f,
            "{as_expected:3} as expected, {differ:2} differ by decision, {do_not_apply:3} do not apply ({ours} are ours)"
        )
    }
}

/// What an outcome means, given the list of differences.
#[derive(Debug)]
enum Verdict {
    AsExpected,
    Differs(String),
    DoesNotApply(String),
    /// The test fails. The text says why.
    Failed(String),
}

/// `is_own` says that the list of differences was written for these cases, so that it has to be complete and current.
fn judge(case: &Case, outcome: Option<Outcome>, differences: &Differences, is_own: bool) -> Verdict {
    let listed = differences.of(case);
    if AREAS_NOT_RUN.contains(&case.area.as_str()) {
        return match listed {
            Some((Listed::DoesNotApply, reason)) => Verdict::DoesNotApply(reason.to_owned()),
            _ if !is_own => Verdict::DoesNotApply("nothing runs this area".to_owned()),
            _ => {
                Verdict::Failed("nothing runs this area, and the case is not listed under `does_not_apply`".to_owned())
            }
        };
    }
    match (outcome, listed) {
        (None, _) => Verdict::Failed("nothing runs this area".to_owned()),
        (Some(Ok(())), None) => Verdict::AsExpected,
        (Some(Ok(())), Some(_)) => Verdict::Failed("has the expected result, remove it from the list".to_owned()),
        (Some(Err(Difference::Differs(_))), Some((Listed::Differs, reason))) => Verdict::Differs(reason.to_owned()),
        (Some(Err(Difference::DoesNotApply(_))), Some((Listed::DoesNotApply, reason))) => {
            Verdict::DoesNotApply(reason.to_owned())
        }
        (Some(Err(Difference::Differs(text))), _) => Verdict::Failed(text),
        (Some(Err(Difference::DoesNotApply(reason))), None) if !is_own => Verdict::DoesNotApply(reason),
        (Some(Err(Difference::DoesNotApply(reason))), _) => {
            Verdict::Failed(format!("is not listed under `does_not_apply`: {reason}"))
        }
    }
}

/// How many cases run at once. A case with a guild mostly waits.
const AT_ONCE: usize = 8;

/// Runs cases, several at once, and returns their outcomes in their order.
fn run_all(cases: &[Case], run: Run, differences: &Differences) -> Vec<Option<Outcome>> {
    let next = AtomicUsize::new(0);
    let outcomes: Vec<OnceLock<Option<Outcome>>> = cases.iter().map(|_| OnceLock::new()).collect();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(index) else { break };
                    let _ = outcomes[index].set(run(case, differences));
                }
            });
        }
    });
    outcomes.into_iter().map(|outcome| outcome.into_inner().expect("every case was run")).collect()
}

/// Runs all cases of a part: those of `CASES_DIR` if it is set, else this project's own. Prints the reason of each case
/// that is listed, and the counts of each area.
///
/// # Panics
/// If a case has another result than the list of differences says. For this project's own cases also if the list names a
/// case that does not exist.
pub fn vectors_hold(part: Part, run: Run) {
    let other = cases::other_folder();
    let is_own = other.is_none();
    let differences = Differences::read();
    let all = cases::read(&other.unwrap_or_else(cases::own_folder));
    let mut failed: Vec<String> = Vec::new();
    if is_own {
        failed.extend(differences.stale(&all).iter().map(|name| format!("{name}: no such case, or listed twice")));
    }
    let cases: Vec<Case> = all.into_iter().filter(|case| Part::of(&case.area) == part).collect();
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    for (case, outcome) in cases.iter().zip(run_all(&cases, run, &differences)) {
        let id = case.id();
        let count = counts.entry(&case.area).or_default();
        count.ours += usize::from(case.is_ours);
        match judge(case, outcome, &differences, is_own) {
            Verdict::AsExpected => count.as_expected += 1,
            Verdict::Differs(reason) => {
                println!("differs: {id}: {reason}");
                count.differ += 1;
            }
            Verdict::DoesNotApply(reason) => {
                println!("does not apply: {id}: {reason}");
                count.do_not_apply += 1;
            }
            Verdict::Failed(reason) => failed.push(format!("{id}: {reason}")),
        }
    }
    let mut sum = Count::default();
    for (area, count) in &counts {
        println!("{area:20} {count}");
        sum.add(count);
    }
    println!("{:20} {sum}", "all");
    assert!(failed.is_empty(), "{} cases fail:\n{}", failed.len(), failed.join("\n"));
}

/// Runs the cases that have their expected result again, with a wrong expectation, and checks that each of them fails.
/// `is_left_out` names cases whose expectation is not compared as a whole.
///
/// # Panics
/// If a wrong expectation is not found.
pub fn wrong_expectations_are_found(part: Part, run: Run, is_left_out: fn(&Case) -> bool) {
    let differences = Differences::read();
    let all = cases::read(&cases::own_folder()).into_iter();
    let cases: Vec<Case> = all
        .filter(|case| Part::of(&case.area) == part && !is_left_out(case) && differences.of(case).is_none())
        .collect();
    let outcomes = run_all(&cases, run, &differences);
    let passed = cases.into_iter().zip(outcomes).filter(|(_, outcome)| matches!(outcome, Some(Ok(()))));
    let changed: Vec<Case> = passed.map(|(case, _)| Case { expected: wrong(&case.expected), ..case }).collect();
    let outcomes = run_all(&changed, run, &differences);
    let is_found = |outcome: &Option<Outcome>| matches!(outcome, Some(Err(Difference::Differs(_))));
    let hidden: Vec<String> = changed
        .iter()
        .zip(outcomes)
        .filter(|(_, outcome)| !is_found(outcome))
        .map(|(case, outcome)| format!("{}: {outcome:?}", case.id()))
        .collect();
    assert!(!changed.is_empty(), "no case has its expected result");
    assert!(hidden.is_empty(), "{} wrong expectations are not found:\n{}", hidden.len(), hidden.join("\n"));
}
