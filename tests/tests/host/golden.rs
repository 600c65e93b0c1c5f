//! Replays recorded exchanges with another server of this API. `GOLDEN_DIR` names another folder of recordings. The intended
//! differences are in `data/golden-differences.json`, with their reasons.

use std::collections::BTreeMap;
use std::path::PathBuf;

use guildhall_tests::golden::replay;
use guildhall_tests::known::Known;

fn data() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/data"))
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_exchanges_have_the_recorded_answers() {
    let elsewhere = std::env::var_os("GOLDEN_DIR").map(PathBuf::from);
    let known = Known::read(&data().join("golden-differences.json"));
    let host = super::host().await;
    let here = data().join("golden");
    let outcomes = replay(elsewhere.as_deref().unwrap_or(&here), &here.join("setup.json"), &host).await;

    let total = outcomes.len();
    let differences: BTreeMap<String, String> =
        outcomes.iter().filter_map(|(name, outcome)| Some((name.clone(), outcome.clone()?))).collect();
    println!("{} of {total} recorded exchanges are answered as they were", total - differences.len());
    for (reason, names) in known.by_reason(differences.keys()) {
        println!("{:4} differ: {reason}", names.len());
    }
    let mut wrong: Vec<String> = known.unknown(&differences);
    wrong.extend(known.outdated(outcomes.keys().map(String::as_str), &differences, elsewhere.is_none()));
    assert!(wrong.is_empty(), "{} unexpected:\n{}", wrong.len(), wrong.join("\n"));
}
