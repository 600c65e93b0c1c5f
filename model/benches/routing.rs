//! Measures the routing of one message: without rules, as an echo is routed, and through a slip of ten rules, of which
//! one may transform it with JSONata.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use guildhall_model::expression::Expressions;
use guildhall_model::expression::native::NativeEvaluator;
use guildhall_model::ids::MessageId;
use guildhall_model::message::{Message, raw_json};
use guildhall_model::routing::{Bounds, GuildView, HOP_LIMIT, Outgoing, Scope, Sender, TurnRouter};
use guildhall_model::spec::RoutingSlip;
use guildhall_model::tag::AgentTag;
use guildhall_model::topic::Topics;
use serde_json::json;

fn slip(transforms: bool) -> RoutingSlip {
    let rules: Vec<_> = (0..10)
        .map(|number| {
            let mut rule = json!({
                "agent": {"name": if number == 9 { "Echo".to_owned() } else { format!("Other {number}") }},
                "destination": {"topics": format!("topic_{number}")},
                "route_times": -1,
            });
            if number == 9 && transforms {
                rule["transformer"] = json!({
                    "style": "simple", "expression_type": "jsonata", "output_format": "app.Order",
                    "expression": "{'total': $sum(items.(price * quantity)), 'who': customer.name}",
                });
            }
            rule
        })
        .collect();
    serde_json::from_value(json!({"steps": rules})).expect("the rules are well formed")
}

fn outgoing() -> Outgoing {
    let items: Vec<_> = (0..5).map(|n| json!({"sku": format!("sku-{n}"), "price": 2.5, "quantity": n})).collect();
    Outgoing {
        format: "app.Basket".into(),
        payload: raw_json(&json!({"customer": {"id": 7, "name": "Ada"}, "items": items})),
        topics: Vec::new(),
        recipients: Vec::new(),
        priority: None,
        new_thread: false,
        session_state: None,
        reason: None,
    }
}

fn route(c: &mut Criterion) {
    let expressions = Expressions::unshared(&NativeEvaluator);
    let scope = Scope::without_states(&expressions);
    let guild = |slip: RoutingSlip| GuildView {
        id: "g".into(),
        name: "G".into(),
        routes: Arc::new(slip),
        agents: Vec::new(),
        users: Vec::new(),
        hop_limit: HOP_LIMIT,
        bounds: Bounds::default(),
        conversation_history: 0,
    };
    let sender = Sender {
        id: "e".into(),
        tag: AgentTag::new("e", "Echo"),
        class_name: "x.Echo".into(),
        method: "receive",
        to_default: false,
    };
    let mut origin =
        Message::draft(AgentTag::new("u", "U"), Topics::One("in".into()), "text", raw_json(&json!({"text": "hi"})));
    origin.id = MessageId::new(5);
    for (name, slip) in
        [("no rules", None), ("ten rules", Some(slip(false))), ("ten rules, one with jsonata", Some(slip(true)))]
    {
        let guild = guild(slip.clone().unwrap_or_default());
        origin.routing_slip = slip.map(Arc::new);
        c.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut router = TurnRouter::new(black_box(&origin), "in", &sender, &guild, scope);
                router.route(outgoing()).expect("it is routed").messages.len()
            });
        });
    }
}

criterion_group!(benches, route);
criterion_main!(benches);
