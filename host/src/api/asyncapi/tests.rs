//! The description of the sockets is whole: everything that it refers to is in it.

use super::*;

/// Calls `seen` with each reference of a document.
fn references<'d>(value: &'d Value, seen: &mut impl FnMut(&'d str)) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                seen(reference);
            }
            members.values().for_each(|member| references(member, seen));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, seen)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_to_something() {
    let document = document();
    let mut count = 0;
    references(&document, &mut |reference| {
        count += 1;
        let found = document.pointer(reference.trim_start_matches('#'));
        assert!(found.is_some(), "{reference} leads nowhere");
    });
    assert!(count > 200, "{count}");
}

#[test]
fn every_format_has_the_schema_of_its_payload() {
    for row in document()["x-formats"].as_array().unwrap() {
        assert!(row["payload"].is_object() || row["format"] == "generic_json", "{row}");
    }
}
