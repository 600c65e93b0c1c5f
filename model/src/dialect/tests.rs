//! What clients read in each dialect.

use serde_json::json;

use super::*;
use crate::message::raw_json;

fn viewer(dialect: Dialect) -> Viewer {
    Viewer { dialect, user: "ada".into(), user_name: "Ada".into(), channel: Channel::User }
}

fn reply() -> Message {
    let mut message = Message::draft(
        AgentTag::new("echoagent-1", "EchoAgent"),
        Topics::Many(vec!["user_notifications:ada".into()]),
        format::TEXT_FORMAT,
        raw_json(&json!({"text": "Echo: Hello Echo!"})),
    );
    message.id = MessageId::new(9 << 12);
    message.thread = vec![MessageId::new(7)];
    message.in_response_to = Some(MessageId::new(7));
    message.user = Some("ada".into());
    message
}

fn read(message: &Message, dialect: Dialect) -> Value {
    serde_json::from_str(&write(message, "user_notifications:ada", &viewer(dialect))).unwrap()
}

#[test]
fn a_reply_in_the_guide_dialect_has_the_members_of_the_wire_document() {
    let frame = read(&reply(), Dialect::Guide);
    assert_eq!(frame["id"], 9 << 12);
    assert_eq!(frame["format"], "text");
    assert_eq!(frame["sender"], json!({"id": "echoagent-1", "name": "EchoAgent"}));
    assert_eq!(frame["topics"], json!(["user:ada:notifications"]));
    assert_eq!(frame["thread"], json!([7, 9 << 12]));
    assert_eq!(frame["in_response_to"], 7);
    assert_eq!(frame["timestamp"], crate::ids::ID_EPOCH_MS + 9);
    assert_eq!(frame["priority"], 4);
}

#[test]
fn a_reply_in_the_rustic_dialect_comes_from_the_proxy() {
    let frame = read(&reply(), Dialect::Rustic);
    assert_eq!(frame["format"], format::TEXT_FORMAT);
    assert_eq!(frame["sender"], json!({"id": "upa-ada", "name": "Ada"}));
    assert_eq!(frame["forward_header"]["on_behalf_of"]["id"], "echoagent-1");
    assert_eq!(frame["topics"], "user_notifications:ada");
    assert_eq!(frame["thread"], json!([7]));
    assert_eq!(frame.as_object().unwrap().len(), 24, "all members, null or not");
}

#[test]
fn a_format_is_written_as_the_clients_of_a_dialect_know_it() {
    let mut message = reply();
    for (written, full_names, guide, rustic, ui) in [
        ("text", false, "text", "text", "TextFormat"),
        (format::TEXT_FORMAT, false, "text", format::TEXT_FORMAT, "TextFormat"),
        ("text", true, format::TEXT_FORMAT, "text", "TextFormat"),
        ("FilesWithTextFormat", false, format::FILES_WITH_TEXT, "FilesWithTextFormat", "FilesWithTextFormat"),
        ("app.Order", false, "app.Order", "app.Order", "Order"),
    ] {
        (message.format, message.full_names) = (written.to_owned(), full_names);
        let shown = [Dialect::Guide, Dialect::Rustic, Dialect::Ui].map(|dialect| read(&message, dialect));
        assert_eq!(shown.map(|frame| frame["format"].clone()), [guide, rustic, ui], "{written}");
    }
}

fn own_copy(client_id: ClientId) -> Message {
    let mut message = reply();
    message.sender = AgentTag::new("upa-ada", "Ada");
    (message.thread, message.in_response_to) = (Vec::new(), None);
    message.root_number = client_id.number();
    message.client_id = Some(client_id);
    message.push_history(HistoryEntry {
        agent: message.sender.clone(),
        origin: MessageId::default(),
        result: MessageId::default(),
        processor: "unwrap_and_forward_message".into(),
        from_topic: None,
        to_topics: Vec::new(),
        reason: None,
    });
    message
}

#[test]
fn the_rustic_dialect_writes_the_clients_number_in_place_of_the_id_of_its_message() {
    const NUMBER: u64 = 9_738_724_237_304_139_776;
    for client_id in [ClientId::Number(NUMBER), ClientId::Text(NUMBER.to_string())] {
        let own = own_copy(client_id.clone());
        let frame = read(&own, Dialect::Rustic);
        assert_eq!((&frame["id"], &frame["client_id"]), (&json!(9 << 12), &client_id.to_json()));
        assert_eq!((&frame["thread"], &frame["in_response_to"]), (&json!([NUMBER]), &json!(NUMBER)));
        assert_eq!((&frame["root_thread_id"], &frame["current_thread_id"]), (&json!(NUMBER), &json!(NUMBER)));
        assert_eq!(frame["forward_header"]["origin_message_id"], NUMBER);
        let entry = &frame["message_history"][0];
        assert_eq!((&entry["origin"], &entry["result"]), (&json!(NUMBER), &json!(9 << 12)));
        assert_eq!(frame["topics"], json!(["user_notifications:ada"]));

        let guide = read(&own, Dialect::Guide);
        assert_eq!((&guide["thread"], &guide["client_id"]), (&json!([9 << 12]), &client_id.to_json()));
    }
    let mut answer = reply();
    answer.root_number = Some(NUMBER);
    let frame = read(&answer, Dialect::Rustic);
    assert_eq!((&frame["thread"], &frame["in_response_to"]), (&json!([NUMBER]), &json!(NUMBER)));
    assert_eq!(frame["forward_header"]["origin_message_id"], NUMBER);
    // An agent answers the copy that a rule made of the user's message.
    let copy = own_copy(ClientId::Number(NUMBER));
    answer.in_response_to = Some(copy.id);
    answer.history = copy.settled_history().into_owned();
    answer.id = MessageId::new(10 << 12);
    let frame = read(&answer, Dialect::Rustic);
    assert_eq!((&frame["in_response_to"], &frame["id"]), (&json!(NUMBER), &json!(10 << 12)));
    // Another agent answers that answer.
    answer.in_response_to = Some(MessageId::new(8 << 12));
    let frame = read(&answer, Dialect::Rustic);
    assert_eq!((&frame["in_response_to"], &frame["thread"]), (&json!(8 << 12), &json!([NUMBER])));
    assert_eq!(frame["forward_header"]["origin_message_id"], 10 << 12);
}

#[test]
fn a_client_id_that_is_no_number_replaces_no_id() {
    let frame = read(&own_copy(ClientId::Text("msg123".into())), Dialect::Rustic);
    assert_eq!((&frame["thread"], &frame["client_id"]), (&json!([9 << 12]), &json!("msg123")));
    assert_eq!(frame["in_response_to"], Value::Null);
}

#[test]
fn a_health_report_lists_the_manager_unless_the_client_is_of_the_reference() {
    let entry = json!({"checkstatus": "ok"});
    let mut report = reply();
    report.sender = AgentTag::new("g#manager_agent", "GuildManagerAgent4g");
    report.format = format::HEALTH_REPORT.into();
    report.payload = raw_json(&json!({"agents": {"echo": entry}, "guild_health": "ok"}));
    let shown = |dialect| {
        let viewer = Viewer { channel: Channel::System, ..viewer(dialect) };
        serde_json::from_str::<Value>(&write(&report, topic::GUILD_STATUS, &viewer)).unwrap()
    };
    let guide = &shown(Dialect::Guide)["payload"];
    assert_eq!((&guide["agents"]["echo"], &guide["guild_health"]), (&entry, &json!("ok")));
    assert_eq!(guide["agents"]["g#manager_agent"]["checkstatus"], "ok");
    assert_eq!(shown(Dialect::Ui)["data"]["agents"].as_object().unwrap().len(), 2);
    assert_eq!(shown(Dialect::Rustic)["payload"]["agents"], json!({"echo": entry}));
}

#[test]
fn a_list_of_participants_is_addressed_to_the_user_of_the_socket() {
    let mut list = reply();
    list.sender = AgentTag::new("g#manager_agent", "GuildManagerAgent4g");
    list.format = format::PARTICIPANT_LIST.into();
    for (dialect, sender) in [(Dialect::Rustic, "upa-ada"), (Dialect::Guide, "g#manager_agent")] {
        let viewer = Viewer { channel: Channel::System, ..viewer(dialect) };
        let frame: Value = serde_json::from_str(&write(&list, topic::GUILD_STATUS, &viewer)).unwrap();
        assert_eq!(
            (&frame["sender"]["id"], &frame["topics"]),
            (&json!(sender), &json!(["user_system_notification:ada"]))
        );
        assert_eq!(frame["topic_published_to"], "user_system_notification:ada");
    }
}

#[test]
fn the_ui_dialect_has_text_ids_and_camel_case_members() {
    let frame = read(&reply(), Dialect::Ui);
    assert_eq!((&frame["id"], &frame["format"]), (&json!((9 << 12).to_string()), &json!("TextFormat")));
    assert_eq!(frame["data"], json!({"text": "Echo: Hello Echo!"}));
    assert_eq!((&frame["inReplyTo"], &frame["threads"]), (&json!("7"), &json!(["7", (9 << 12).to_string()])));
    assert!(frame["timestamp"].as_str().unwrap().ends_with('Z') && frame["topic"].is_string(), "{frame}");
    assert_eq!((&frame["rootThreadId"], &frame["routingSlip"]), (&json!("7"), &json!(null)));
    let members = frame.as_object().unwrap();
    assert!(members.keys().all(|name| !name.contains('_') && name != "payload"), "{frame}");
}

#[test]
fn a_client_that_writes_full_names_reads_full_names() {
    let mut message = reply();
    message.full_names = true;
    assert_eq!(read(&message, Dialect::Guide)["format"], format::TEXT_FORMAT);
}

#[test]
fn guide_does_not_mirror_to_the_sending_socket() {
    let mut message = reply();
    message.socket = 3;
    assert!(!is_shown(&message, 3, &viewer(Dialect::Guide)));
    assert!(is_shown(&message, 4, &viewer(Dialect::Guide)));
    assert!(is_shown(&message, 3, &viewer(Dialect::Rustic)));
}
