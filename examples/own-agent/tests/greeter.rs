use guildhall_sdk::serde_json::json;
use guildhall_sdk::testing::Bench;
use own_agent::{Greeter, Text};

#[test]
fn the_answer_names_the_sender() {
    let mut bench = Bench::<Greeter>::start(json!({})).unwrap();
    bench.envelope.sender.name = Some("Ada".into());
    let replies = bench.send(&Text { text: "hi".into() }).unwrap();
    assert_eq!(replies[0].parse::<Text>().unwrap().text, "Hello Ada, you said: hi");
}
